"""Makes what follows from the table of audiozoo.signal: its types for editors, and the index of its functions.

python docs/make_signal.py          # writes them
python docs/make_signal.py --check  # says whether they are up to date
"""

import importlib
import inspect
import re
import sys
from pathlib import Path

import made

from audiozoo import signal
from audiozoo.pipelines.spectrograms import KINDS

ROOT = Path(__file__).parents[1]
SCRIPT = "make_signal.py"


def stub() -> str:
    """audiozoo/signal/__init__.pyi: what the names are to a type checker, which does not run the package."""
    lines = []
    for module in sorted(signal.MODULES):
        lines += [f"from audiozoo.signal.{module} import {name} as {name}" for name in sorted(signal.MODULES[module])]
    return "\n".join([*lines, "", "MODULES: dict[str, tuple[str, ...]]", "__all__: list[str]", ""])


def index() -> str:
    """One row a function: its name, its first line, the page that tells of it."""
    pages = {page: page.read_text() for page in sorted((ROOT / "docs" / "signal").glob("*.md"))}
    pages = {page: text for page, text in pages.items() if page.name != "README.md"}
    rows = ["| function | what it is | page |", "|---|---|---|"]
    for module, names in sorted(signal.MODULES.items()):
        home = importlib.import_module(f"audiozoo.signal.{module}")
        for name in sorted(names):
            told = [page.stem for page, text in pages.items() if re.search(rf"\b{name}\b", text)]
            links = ", ".join(f"[{page}]({page}.md)" for page in told)
            rows.append(f"| `{name}` | {summary(getattr(home, name))} | {links} |")
    return "\n".join(rows)


def kinds() -> str:
    """What `audiozoo spectrogram` draws."""
    rows = ["| `--kind` | what is drawn | in |", "|---|---|---|"]
    rows += [f"| `{name}` | {kind.summary} | {kind.unit or 'dB'} |" for name, kind in KINDS.items()]
    return "\n".join(rows)


def summary(thing: object) -> str:
    """The first sentence of a docstring, safe in a cell of a table."""
    first = (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ").rstrip(":")
    return first.replace("|", "\\|").replace("*batch", "\\*batch")


def files() -> dict[Path, str]:
    """Every file that is made, as it should be."""
    page = ROOT / "docs" / "signal" / "README.md"
    text = made.between(page.read_text(), "kinds", SCRIPT, kinds())
    text = made.between(text, "index", SCRIPT, index())
    return {ROOT / "audiozoo" / "signal" / "__init__.pyi": stub(), page: text}


if __name__ == "__main__":
    sys.exit(made.write(files(), SCRIPT))
