"""The picture of docs/signal/README.md: `python -m docs.signal.pictures_kinds`."""

from pathlib import Path

from PIL import Image

from audiozoo.data import recording
from audiozoo.pipelines import canvas, spectrograms

IMAGES = Path(__file__).parent / "images"
SHOWN = ("stft", "mel", "cqt", "wavelet", "mfcc", "chroma")


def picture_kinds(path: Path) -> None:
    """Six kinds of one recording."""
    audio = recording("jfk")
    with canvas.picture(path) as figure:
        figure.set_size_inches(15, 9)
        for index, kind in enumerate(SHOWN):
            row, column = divmod(index, 2)
            axes = figure.add_axes((0.05 + 0.5 * column, 0.70 - 0.325 * row, 0.385, 0.255))
            spectrograms.fill(axes, spectrograms.columns(audio, kind), kind)
            axes.set_title(f"--kind {kind}", fontsize=10, fontweight="bold", loc="left")
    with Image.open(path) as image:
        smaller = image.convert("RGB").resize((1080, 648), Image.Resampling.LANCZOS).quantize(48)
    smaller.save(path, optimize=True)


if __name__ == "__main__":
    picture_kinds(IMAGES / "kinds.png")
