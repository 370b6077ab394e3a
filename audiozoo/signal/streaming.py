"""Transforms of a signal that arrives in pieces, with explicit state: however it is cut, the offline answer.

    stream = StreamingStft(n_fft=400, hop_length=160)
    state = stream.initial_state()
    for chunk in chunks:
        spectrum, state = stream.stream(chunk, state)   # the frames that are complete so far, perhaps none
    spectrum = stream.finish(state)                     # those that needed to know where the signal ends

A state is a pytree, whose counters are static: `stream` works under `jit`, which compiles anew for each length of chunk
and of buffer. Chunks of a multiple of the hop soon settle on one, and can then be scanned over.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from audiozoo.signal import spectral
from audiozoo.signal.framing import PadMode, Uncovered, check_framing, overlap_add, pad
from audiozoo.signal.spectral import Window

_REACHING = {"constant": 0, "edge": 1, "symmetric": 0, "reflect": 1}  # samples beyond half a frame that a pad looks at


@functools.partial(jax.tree_util.register_dataclass, data_fields=["buffer"], meta_fields=["used", "begun"])
@dataclasses.dataclass(frozen=True)
class StftState:
    """Samples that are still needed; how many of them no frame begins with; whether the beginning is padded."""

    buffer: Float[Array, "*batch time"]
    used: int = 0
    begun: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class StreamingStft:
    """`spectral.stft` of a stream. Settings as there; `pad_mode` may be anything but "wrap", which knows the end."""

    n_fft: int
    hop_length: int
    window: Window | None = None
    center: bool = True
    pad_mode: PadMode = "reflect"

    def __post_init__(self) -> None:
        check_framing(self.n_fft, self.hop_length)
        spectral.full_window(self.n_fft, self.window)
        if self.center and self.pad_mode not in _REACHING:
            raise ValueError(f"a stream cannot be padded in mode {self.pad_mode!r}; choose one of {[*_REACHING]}")

    @property
    def _reach(self) -> int:
        return self.n_fft // 2 if self.center else 0

    def initial_state(self, batch: tuple[int, ...] = (), dtype: jnp.dtype | type = jnp.float32) -> StftState:
        """The state before the first sample."""
        return StftState(jnp.zeros((*batch, 0), dtype))

    def stream(
        self, chunk: Float[Array, "*batch time"], state: StftState
    ) -> tuple[Complex[Array, "*batch frames bins"], StftState]:
        """The frames that `chunk`, of any length, completes; and the state after it."""
        if chunk.shape[:-1] != state.buffer.shape[:-1]:
            raise ValueError(f"a chunk of shape {chunk.shape} does not continue a stream of {state.buffer.shape[:-1]}")
        buffer = jnp.concatenate([state.buffer, chunk.astype(state.buffer.dtype)], axis=-1)
        begun = state.begun
        if not begun:
            begun = not self._reach or buffer.shape[-1] > self._reach  # enough to know what lies before the first
            buffer = pad(buffer, self._reach, 0, self.pad_mode) if begun and self._reach else buffer
        if not begun:
            return self._frames(buffer[..., :0]), StftState(buffer)
        return self._advance(buffer, state.used)

    def finish(self, state: StftState) -> Complex[Array, "*batch frames bins"]:
        """The last frames, those that reach beyond the end."""
        if not state.begun:  # too short to have been padded yet: both ends at once, as offline
            return self._frames(pad(state.buffer, self._reach, self._reach, self.pad_mode))
        if not self._reach:
            return self._frames(state.buffer[..., :0])
        return self._advance(pad(state.buffer, 0, self._reach, self.pad_mode), state.used)[0]

    def _advance(self, buffer: Array, used: int) -> tuple[Array, StftState]:
        spectrum = self._frames(buffer[..., used:])
        used += spectrum.shape[-2] * self.hop_length
        kept = max(0, min(used, buffer.shape[-1] - self._reach - 1)) if self._reach else min(used, buffer.shape[-1])
        return spectrum, StftState(buffer[..., kept:], used - kept, True)

    def _frames(self, samples: Array) -> Array:
        return spectral.stft(samples, n_fft=self.n_fft, hop_length=self.hop_length, window=self.window, center=False)


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["total", "weight"], meta_fields=["position", "frames"]
)
@dataclasses.dataclass(frozen=True)
class IstftState:
    """Sums not yet returned: of frames, of squared windows; the place of the first in the padded signal; frames."""

    total: Float[Array, "*batch time"]
    weight: Float[Array, " time"]
    position: int = 0
    frames: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class StreamingIstft:
    """`spectral.istft` of a stream of frames. Settings as there; the last samples come when the stream is finished.

    NOLA is checked at the start, of a window that is not traced, for a signal without end.
    """

    n_fft: int
    hop_length: int
    window: Window | None = None
    center: bool = True
    uncovered: Uncovered = "error"

    def __post_init__(self) -> None:
        check_framing(self.n_fft, self.hop_length)
        window = spectral.full_window(self.n_fft, self.window)
        if self.uncovered == "error" and isinstance(window, np.ndarray):
            frames = 3 * -(-self.n_fft // self.hop_length)
            spectral.join_frames(
                jnp.zeros((frames, self.n_fft)), window, self.hop_length, center=self.center, length=None,
                uncovered="error",
            )  # fmt: skip

    def initial_state(self, batch: tuple[int, ...] = (), dtype: jnp.dtype | type = jnp.float32) -> IstftState:
        """The state before the first frame; `dtype` is that of the samples."""
        return IstftState(jnp.zeros((*batch, 0), dtype), jnp.zeros(0, dtype))

    def stream(
        self, spectrum: Complex[Array, "*batch frames bins"], state: IstftState
    ) -> tuple[Float[Array, "*batch time"], IstftState]:
        """The samples that these frames, however many, complete; and the state after them."""
        if spectrum.shape[:-2] != state.total.shape[:-1] or spectrum.shape[-1] != self.n_fft // 2 + 1:
            raise ValueError(
                f"a spectrum of shape {spectrum.shape} does not continue a stream of {state.total.shape[:-1]} "
                f"with n_fft={self.n_fft}"
            )
        count, dtype = spectrum.shape[-2], state.total.dtype
        if not count:
            return state.total[..., :0], state
        window = jnp.asarray(spectral.full_window(self.n_fft, self.window), dtype)
        frames = (jnp.fft.irfft(spectrum, self.n_fft) * window).astype(dtype)
        squares = jnp.broadcast_to(jnp.square(window), (count, self.n_fft))
        ahead = state.frames * self.hop_length - state.position  # where the first new frame begins, in the sums
        total = _add(state.total, overlap_add(frames, self.hop_length), ahead)
        weight = _add(state.weight, overlap_add(squares, self.hop_length), ahead)
        count += state.frames
        # Final are the samples before the next frame; the end, half a frame before the last one's, is not yet passed.
        last = (count - 1) * self.hop_length + self.n_fft - (self.n_fft // 2 if self.center else 0)
        final = max(0, min(count * self.hop_length, last) - state.position)
        state = IstftState(total, weight, state.position, count)
        return self._divide(state, final), IstftState(total[..., final:], weight[final:], state.position + final, count)

    def finish(self, state: IstftState, length: int | None = None) -> Float[Array, "*batch time"]:
        """The last samples; with `length`, that of the whole signal, as many as are missing to it."""
        start = self.n_fft // 2 if self.center else 0
        end = start + length if length is not None else state.position + state.total.shape[-1] - start
        final = max(0, end - state.position)
        missing = max(0, final - state.total.shape[-1])
        if missing and self.uncovered == "error":
            raise ValueError(
                f"{length} samples were asked for, but the frames cover {missing} fewer; ask for fewer, or accept "
                "zeros there with uncovered='zero'"
            )
        return pad(self._divide(state, final), 0, missing)

    def _divide(self, state: IstftState, final: int) -> Array:
        """The first `final` samples, without those before the signal begins."""
        skipped = max(0, (self.n_fft // 2 if self.center else 0) - state.position)
        total, weight = state.total[..., skipped:final], state.weight[skipped:final]
        heard = weight > jnp.finfo(weight.dtype).tiny
        return total / jnp.where(heard, weight, 1)


def _add(first: Array, second: Array, ahead: int) -> Array:
    """The sum of two signals, the second of which begins `ahead` samples into the first and does not end before it."""
    overlap = max(0, first.shape[-1] - ahead)
    return jnp.concatenate(
        [
            pad(first[..., :ahead], 0, max(0, ahead - first.shape[-1])),
            first[..., ahead:] + second[..., :overlap],
            second[..., overlap:],
        ],
        axis=-1,
    )
