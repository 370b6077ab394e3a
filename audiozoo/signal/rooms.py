"""Rooms: impulse responses of shoeboxes by image sources, and how long they ring."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal.state_space import Numbers

SPEED_OF_SOUND = 343.0  # metres a second, in air at 20 °C
_CHUNK = 4096  # images at once, which bounds the memory


def room_impulse_response(
    *,
    room: Sequence[float],
    source: Float[Numbers, "3"],
    microphones: Float[Numbers, "*shape 3"],
    absorption: float | Sequence[float],
    sample_rate: float,
    length: int,
    max_order: int | None = None,
    speed: float = SPEED_OF_SOUND,
    taps: int = 81,
    lead: int = 0,
) -> Float[Array, "*shape length"]:
    """What microphones hear of a click in a rectangular room (Allen and Berkley, 1979; image sources).

    Each image arrives as a sinc of `taps` samples under Hann's window, at its exact time, with amplitude
    sqrt(1 - absorption) for every wall it met, over 4 pi distance. Gradients flow to the positions. Computed in the
    dtype of the microphones if they are JAX's, else in float32.

    Args:
        room: length, width and height in metres.
        source: a point inside it.
        microphones: points inside it.
        absorption: share of the energy that walls take, in [0, 1]: one for all, or low x, high x, low y, high y, low z
            (floor), high z (ceiling).
        sample_rate: in hertz.
        length: samples to compute.
        max_order: reflections to follow; None: all that arrive within `length`.
        speed: of sound, metres a second.
        taps: of the fractional delays, odd.
        lead: samples before the moment of the click (pyroomacoustics has 40, half of its 81 taps).

    Raises:
        ValueError: a size or length is not positive, an absorption is not in [0, 1], or a position given as a constant
            lies outside.
    """
    size = np.asarray(room, np.float64)
    walls = np.broadcast_to(np.asarray(absorption, np.float64), (6,)) if np.ndim(absorption) == 0 else absorption
    walls = np.asarray(walls, np.float64)
    if size.shape != (3,) or not (size > 0).all() or length < 1 or taps < 1 or taps % 2 == 0:
        raise ValueError(f"want three positive sizes, a length and an odd number of taps, not {room}, {length}, {taps}")
    if walls.shape != (6,) or ((walls < 0) | (walls > 1)).any():
        raise ValueError(f"absorption is one number or six within [0, 1], not {absorption}")
    for name, point in (("source", source), ("microphones", microphones)):
        if not isinstance(point, jax.Array) and ((np.asarray(point) <= 0) | (np.asarray(point) >= size)).any():
            raise ValueError(f"{name} at {point} are not inside a room of {room}")
    dtype = microphones.dtype if isinstance(microphones, jax.Array) else jnp.float32
    reach = (length + taps - lead) / sample_rate * speed
    images, amplitude = _images(size, walls, reach, max_order)
    points = jnp.asarray(microphones, dtype).reshape(-1, 3)
    one = lambda point: _arrivals(
        point, jnp.asarray(source, dtype), size, images, amplitude, (length, taps, lead), sample_rate / speed
    )
    return jax.lax.map(one, points).reshape(*np.shape(microphones)[:-1], length)


def _images(size: np.ndarray, walls: np.ndarray, reach: float, max_order: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Indices of images along the axes, and the product of reflections of each; all within `reach` metres or so."""
    axes = []
    for width in size:
        furthest = math.ceil(reach / width) + 1
        axes.append(np.arange(-furthest, furthest + 1) if max_order is None else np.arange(-max_order, max_order + 1))
    index = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    nearest = np.linalg.norm(np.maximum(np.abs(index) - 1, 0) * size, axis=-1)
    keep = nearest < reach
    if max_order is not None:
        keep &= np.abs(index).sum(-1) <= max_order
    index = index[keep]
    more, fewer = (np.abs(index) + 1) // 2, np.abs(index) // 2
    high, low = np.where(index > 0, more, fewer), np.where(index > 0, fewer, more)
    reflection = np.sqrt(1 - walls).reshape(3, 2)
    return index, np.prod(reflection[:, 0] ** low * reflection[:, 1] ** high, -1)


def _arrivals(
    point: Array,
    source: Array,
    size: np.ndarray,
    images: np.ndarray,
    amplitude: np.ndarray,
    shape: tuple[int, int, int],
    samples_per_metre: float,
) -> Array:
    length, taps, lead = shape
    half = taps // 2
    dtype = point.dtype
    chunks = -(-len(images) // _CHUNK)
    room = chunks * _CHUNK - len(images)
    images = np.pad(images, [(0, room), (0, 0)]).reshape(chunks, _CHUNK, 3)
    amplitude = np.pad(amplitude, (0, room)).reshape(chunks, _CHUNK)  # the padding is silent

    def add(response: Array, chunk: tuple[Array, Array]) -> tuple[Array, None]:
        index, gain = chunk
        odd = index % 2
        place = index * jnp.asarray(size, dtype) + jnp.where(odd == 1, jnp.asarray(size, dtype) - source, source)
        distance = jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(place - point), -1), 1e-12))
        delay = distance * samples_per_metre + lead
        whole = jnp.floor(jax.lax.stop_gradient(delay)).astype(jnp.int32)
        time = np.arange(-half, half + 1) - (delay - whole)[:, None]
        window = jnp.where(jnp.abs(time) <= half, 0.5 + 0.5 * jnp.cos(np.pi / max(half, 1) * time), 0.0)
        values = jnp.sinc(time) * window * (gain / (4 * np.pi * distance))[:, None]
        target = whole[:, None] + np.arange(taps)  # half a filter of room before the first sample
        return response.at[target].add(values.astype(dtype), mode="drop"), None

    response = jnp.zeros(length + taps, dtype)
    response, _ = jax.lax.scan(add, response, (jnp.asarray(images), jnp.asarray(amplitude, dtype)))
    return response[half : half + length]


def sabine_time(room: Sequence[float], absorption: float | Sequence[float], *, speed: float = SPEED_OF_SOUND) -> float:
    """Seconds in which a diffuse sound falls by 60 dB: 24 ln(10) volume / (speed * absorbing area) (Sabine, 1922).

    Raises:
        ValueError: nothing is absorbed.
    """
    area, volume = _area_and_volume(room, absorption)
    if area <= 0:
        raise ValueError("a room that absorbs nothing rings for ever")
    return 24 * math.log(10) * volume / (speed * area)


def eyring_time(room: Sequence[float], absorption: float | Sequence[float], *, speed: float = SPEED_OF_SOUND) -> float:
    """`sabine_time` for walls that absorb much (Eyring, 1930); zero if they absorb all."""
    area, volume = _area_and_volume(room, absorption)
    surface, _ = _area_and_volume(room, 1.0)
    if area <= 0:
        raise ValueError("a room that absorbs nothing rings for ever")
    return 0.0 if area >= surface else 24 * math.log(10) * volume / (-speed * surface * math.log1p(-area / surface))


def _area_and_volume(room: Sequence[float], absorption: float | Sequence[float]) -> tuple[float, float]:
    x, y, z = map(float, room)
    faces = np.array([y * z, y * z, x * z, x * z, x * y, x * y])
    return float(np.sum(faces * np.asarray(absorption))), x * y * z


def energy_decay(response: Float[Array, "*batch time"]) -> Float[Array, "*batch time"]:
    """Energy still to come, in dB of all of it (Schroeder, 1965), not below -120 dB; that of silence throughout."""
    energy = jnp.cumsum(jnp.square(response)[..., ::-1], -1)[..., ::-1]
    total = energy[..., :1]
    share = jnp.where(total > 0, energy / jnp.where(total > 0, total, 1), 0)
    return 10 / math.log(10) * jnp.log(jnp.maximum(share, 1e-12))


def reverberation_time(
    response: Float[Array, "*batch time"], sample_rate: float, *, start_db: float = -5.0, stop_db: float = -35.0
) -> Float[Array, "*batch"]:
    """Seconds for 60 dB, by a line through the decay between two levels (ISO 3382: T30); zero if it has no slope."""
    decay = energy_decay(response)
    used = ((decay <= start_db) & (decay >= stop_db)).astype(decay.dtype)
    count = jnp.maximum(used.sum(-1, keepdims=True), 1)
    time = jnp.asarray(np.arange(response.shape[-1]) / sample_rate, decay.dtype)
    early, level = (jnp.sum(used * x, -1, keepdims=True) / count for x in (time, decay))
    slope = jnp.sum(used * (time - early) * (decay - level), -1)
    spread = jnp.sum(used * jnp.square(time - early), -1)
    falling = slope < 0
    return jnp.where(falling, -60 * spread / jnp.where(falling, slope, -1), 0)
