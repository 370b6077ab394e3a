"""Whether a file holds all the samples that it promises.

libsndfile quietly reads what is left of a file that was cut off. An answer about half a recording that looks like an
answer about all of it is worse than none, so what the format can tell is checked: sizes in headers (libsndfile notes
the true ones in its log), the mark that ends an Ogg stream, the number of samples that were really decoded.
"""

import re

import soundfile

# Sizes that writers to a pipe put in a header because they cannot know better: any size is right.
UNKNOWN_SIZE = 0x7FFFF000
UNKNOWN_FRAMES = 2**62
SIZES = re.compile(r"^\s*(?:data|SSND|Data Size|Data size)\s*:\s*(\d+)(?: \(should be (\d+)\))?", re.MULTILINE)
OGG_WITHOUT_END = ("Last page lacks an end-of-stream bit", "Junk after the last page")  # between pages; inside one
FILE_LENGTH = re.compile(r"^Length : (\d+)", re.MULTILINE)
MPEG_FRAME = 1152  # samples; the length of an MPEG stream is known to a frame or two, or estimated


def check_header(file: soundfile.SoundFile) -> str | None:
    """What is wrong with the file's length, as far as can be said before decoding."""
    if file.frames > UNKNOWN_FRAMES:  # FLAC that was written to a pipe; libsndfile cannot read it
        return "does not say how long it is; save it anew with an audio editor or ffmpeg"
    log = file.extra_info
    length = FILE_LENGTH.search(log)
    for promised, found in SIZES.findall(log):
        present = int(found or (length[1] if length else promised))
        if present < int(promised) < UNKNOWN_SIZE:
            return _cut_off(f"its header promises {int(promised):,} bytes of samples, {present:,} are there")
    if any(sign in log for sign in OGG_WITHOUT_END):
        return _cut_off("its Ogg stream has no end")
    return None


def check_length(file: soundfile.SoundFile, decoded: int) -> str | None:
    """What is wrong with the number of frames that came out of the decoder."""
    slack = max(2 * MPEG_FRAME, file.frames // 100) if file.format == "MP3" else 0
    if decoded + slack < file.frames:
        return _cut_off(f"its header promises {file.frames:,} samples, {decoded:,} are there")
    return None


def _cut_off(how: str) -> str:
    return f"is cut off: {how}; save it anew with an audio editor or ffmpeg to use what is left"
