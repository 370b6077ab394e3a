"""Audio files and arrays as what models take: mono float32 samples at one rate.

Files are read by libsndfile (WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, …) and resampled by soxr at its "HQ" quality.
Both run piece by piece, and soxr's answer does not depend on how its input is cut: a streamed file is the loaded file.
"""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import soundfile
import soxr
from jaxtyping import Float

from audiozoo.data.truncation import check_header, check_length

PIECE_VALUES = 2**18  # read or made at once, over all channels: 1 MiB of float32
MOST_SAMPLES = 2**31 - 1  # in one array: more than JAX indexes by default

Samples = Float[np.ndarray, " time"]


class AudioError(ValueError):
    """Audio that cannot be used; the message is one line that says which, and why."""


def load_audio(file_or_array: Any, sample_rate: int, *, source_rate: float | None = None) -> Samples:
    """All samples of a file or an array, as float32 mono at `sample_rate`.

    Args:
        file_or_array: the path of any file that libsndfile reads, at any rate, of any number of channels; or an array
            (time,) or (time, channels), as soundfile gives it. Channels are averaged. Arrays are floating point of any
            width, nominally in [-1, 1] (louder is kept, not clipped), or int16, which is divided by 32768.
        sample_rate: hertz, of the result.
        source_rate: hertz, of an array; by default it is at `sample_rate` already. A file says its own.

    Raises:
        AudioError: missing, unreadable, not audio, cut off, empty, not finite, or an array of another type or rank.
    """
    sample_rate = _checked_rate(sample_rate, "sample_rate")
    if isinstance(file_or_array, str | os.PathLike):
        if source_rate is not None:
            raise AudioError("source_rate is for arrays; a file says its own rate")
        with _opened(file_or_array) as file:
            expected = file.frames * sample_rate / file.samplerate
            if expected > MOST_SAMPLES:
                raise AudioError(
                    f"{printable(file_or_array)}: is {expected / sample_rate / 3600:.0f} hours long, too much for one "
                    f"array at {sample_rate} Hz; stream it (stream_audio)"
                )
            pieces = list(_resampled(_mono(file, printable(file_or_array), sample_rate), file.samplerate, sample_rate))
        samples, source = _joined(pieces), printable(file_or_array)
    else:
        array = _mono_array(file_or_array)
        rate = sample_rate if source_rate is None else _checked_rate(source_rate, "source_rate")
        samples, source = _joined(list(_resampled([array], rate, sample_rate))), "the array"
    if not samples.size:
        raise AudioError(f"{source}: is shorter than one sample at {sample_rate} Hz")
    return samples


def stream_audio(path: str | os.PathLike[str], sample_rate: int, *, block_seconds: float = 30.0) -> Iterator[Samples]:
    """The samples that `load_audio` would give for a file, block by block, in memory that does not grow with the file.

    Every block holds `block_seconds` (rounded to whole samples, at least one), except the last, which may be shorter.

    Raises:
        AudioError: as `load_audio`, at the block where the fault is found.
    """
    sample_rate = _checked_rate(sample_rate, "sample_rate")
    if not 0 < block_seconds < float("inf"):
        raise AudioError(f"block_seconds is {block_seconds}; it must be a positive number of seconds")
    size = max(1, round(block_seconds * sample_rate))
    total, held, waiting = 0, 0, []
    with _opened(path) as file:
        for piece in _resampled(_mono(file, printable(path), sample_rate), file.samplerate, sample_rate):
            total, held = total + piece.size, held + piece.size
            waiting.append(piece)
            if held >= size:
                samples = np.concatenate(waiting)
                whole = samples.size - samples.size % size
                yield from (samples[start : start + size] for start in range(0, whole, size))
                waiting, held = [samples[whole:].copy()], samples.size - whole
    if not total:
        raise AudioError(f"{printable(path)}: is shorter than one sample at {sample_rate} Hz")
    if held:
        yield np.concatenate(waiting)


class Header(NamedTuple):
    """What a file says of itself before its samples."""

    sample_rate: int  # hertz
    channels: int
    frames: int  # samples of each channel

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate


def header(path: str | os.PathLike[str]) -> Header:
    """What a file's header promises, without reading its samples.

    Raises:
        AudioError: as `load_audio`, for what the header can tell.
    """
    with _opened(path) as file:
        return Header(file.samplerate, file.channels, file.frames)


def duration(path: str | os.PathLike[str]) -> float:
    """Seconds of audio that a file's header promises. Errors as of `header`."""
    return header(path).seconds


def printable(path: str | os.PathLike[str]) -> str:
    """A path as text of one line that any terminal can be given: what cannot be printed is escaped."""
    text = os.fsdecode(path)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[soundfile.SoundFile]:
    """The open file, after everything that its name and header can tell has been checked."""
    name = printable(path)
    _check_file(path, name)
    try:
        file = soundfile.SoundFile(os.fspath(path))
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{name}: is not audio that libsndfile reads, or is damaged: {_reason(error)}") from None
    except (TypeError, ValueError):  # what soundfile says to a file of the name *.raw: it has no header
        raise AudioError(f"{name}: has no header that says its rate and format") from None
    with file:
        fault = check_header(file)
        if fault:
            raise AudioError(f"{name}: {fault}")
        if not file.frames:
            raise AudioError(f"{name}: holds no samples")
        yield file


def _check_file(path: str | os.PathLike[str], name: str) -> None:
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
    except FileNotFoundError:
        raise AudioError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise AudioError(f"{name}: is a directory, not a file") from None
    except PermissionError:
        raise AudioError(f"{name}: may not be read (permission denied)") from None
    except (OSError, ValueError) as error:  # a name too long, a name with a zero byte, a disk that fails
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise AudioError(f"{name}: cannot be opened: {reason}") from None
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(f"{name}: is not a regular file")
    if not status.st_size:
        raise AudioError(f"{name}: is empty (0 bytes)")


def _open_without_waiting(path: str, flags: int) -> int:
    """A named pipe without a writer would otherwise wait for one for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _mono(file: soundfile.SoundFile, name: str, sample_rate: int) -> Iterator[Samples]:
    """The file's samples at its own rate, averaged over channels, in pieces that stay small at `sample_rate` too."""
    frames = max(1, min(PIECE_VALUES // file.channels, PIECE_VALUES * file.samplerate // sample_rate))
    position = 0
    while True:
        try:
            piece = file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            at = f"{position / file.samplerate:.2f} s"
            raise AudioError(f"{name}: is damaged or cut off after {at}: {_reason(error)}") from None
        if not len(piece):
            break
        _check_finite(piece, name, position, file.samplerate)
        yield _averaged(piece)
        position += len(piece)
    fault = check_length(file, position)
    if fault:
        raise AudioError(f"{name}: {fault}")


def _mono_array(array: Any) -> Samples:
    try:
        array = np.asarray(array)
    except (TypeError, ValueError) as error:
        raise AudioError(f"a {type(array).__name__} is neither a path nor an array of samples: {error}") from None
    if array.dtype != np.int16 and not _is_float(array.dtype):
        raise AudioError(
            f"the array has dtype {array.dtype}; samples are floating point in [-1, 1], or int16 (divided by 32768)"
        )
    if array.ndim not in (1, 2):
        raise AudioError(f"the array has shape {array.shape}; samples are (time,) or (time, channels)")
    if not array.size:
        raise AudioError(f"the array holds no samples (its shape is {array.shape})")
    if array.ndim == 2 and array.shape[1] > array.shape[0]:
        raise AudioError(f"the array has shape {array.shape}; samples are (time, channels): transpose it")
    if array.dtype == np.int16:
        samples = array.astype(np.float32) / 32768
    else:
        _check_finite(array, "the array", 0, None)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and is refused below
            samples = array.astype(np.float32)
    _check_finite(samples, "the array", 0, None)
    return samples if samples.ndim == 1 else _averaged(samples)


def _averaged(samples: Float[np.ndarray, "time channels"]) -> Samples:
    """The mean over channels; one by one, because NumPy's `mean` over a short axis is twenty times slower."""
    total = samples[:, 0].copy()
    for channel in range(1, samples.shape[1]):
        total += samples[:, channel]
    return total if samples.shape[1] == 1 else total / np.float32(samples.shape[1])


def _is_float(dtype: np.dtype) -> bool:
    try:
        ml_dtypes.finfo(dtype)  # knows bfloat16 and its kin beside NumPy's own
    except (TypeError, ValueError):
        return False
    return dtype.kind != "c"


def _check_finite(samples: np.ndarray, name: str, position: int, rate: int | None) -> None:
    finite = np.isfinite(samples)
    if finite.all():
        return
    index = np.argwhere(~finite)[0]
    at = position + int(index[0])
    where = f"sample {at}" + (f" ({at / rate:.2f} s)" if rate else "")
    where += f" of channel {int(index[1])}" if samples.ndim == 2 and samples.shape[1] > 1 else ""
    raise AudioError(f"{name}: {where} is {'NaN' if np.isnan(samples[tuple(index)]) else 'infinite'}")


def _resampled(pieces: Iterable[Samples], source_rate: float, sample_rate: int) -> Iterator[Samples]:
    if source_rate == sample_rate:
        yield from pieces
        return
    resampler = soxr.ResampleStream(source_rate, sample_rate, 1, dtype="float32", quality="HQ")
    for piece in pieces:
        yield resampler.resample_chunk(piece)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _joined(pieces: list[Samples]) -> Samples:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _checked_rate(rate: Any, name: str) -> Any:
    whole = name == "sample_rate"
    allowed = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(rate, bool) or not isinstance(rate, allowed) or not 0 < rate < float("inf"):
        raise AudioError(f"{name} is {rate!r}; it must be a positive {'whole ' if whole else ''}number of hertz")
    return int(rate) if whole else float(rate)


def _reason(error: soundfile.LibsndfileError) -> str:
    return error.error_string.removeprefix("Error : ").strip().rstrip(".")
