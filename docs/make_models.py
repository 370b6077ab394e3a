"""Makes the tables of models, in docs/models.md and in the README, from the presets.

python docs/make_models.py          # writes them
python docs/make_models.py --check  # says whether they are up to date
"""

import sys
from pathlib import Path

from audiozoo import zoo

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- models:begin (made by docs/make_models.py) -->", "<!-- models:end -->"


def page() -> str:
    """docs/models.md: every model with all that its card says."""
    lines = ["# The models", "", "Made from the presets by `python docs/make_models.py`.", ""]
    for task in sorted({preset.task for preset in zoo.PRESETS.values()}):
        lines += [f"## {task}", "", *long_table(zoo.list_models(task=task)), ""]
    return "\n".join(lines)


def long_table(names: list[str]) -> list[str]:
    """One row a model."""
    rows = ["| model | what | parameters | rate | streams | paper | weights | licence | figures |"]
    rows += ["|---|---|---:|---:|---|---|---|---|---|"]
    for name in sorted(names, key=lambda name: (zoo.PRESETS[name].parameters, name)):
        card = zoo.PRESETS[name]
        homes = " ".join(f"{publication.format}: {publication.homepage}" for publication in card.published)
        cells = [f"`{name}`", card.summary, f"{card.parameters:,}", f"{card.sample_rate:,} Hz"]
        cells += ["yes" if card.streams else "", card.paper, homes or "not yet", card.licence, card.reference]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def short_table() -> str:
    """For the README: one row a family, that is, a page of audiozoo/models."""
    families: dict[str, list[str]] = {}
    for name, preset in zoo.PRESETS.items():
        families.setdefault(type(preset.model).__module__, []).append(name)
    rows = ["| models | task | parameters | paper |", "|---|---|---:|---|"]
    for names in families.values():
        first = zoo.PRESETS[names[0]]
        counts = sorted(zoo.PRESETS[name].parameters for name in names)
        size = " to ".join(f"{count / 1e6:,.1f} M" for count in dict.fromkeys((counts[0], counts[-1])))
        weights = [f"**`{name}`**" if zoo.PRESETS[name].published else f"`{name}`" for name in names]
        rows.append(f"| {', '.join(weights)} | {first.task} | {size} | {first.paper} |")
    return "\n".join([*rows, "", "Bold: `audiozoo.load(name)` brings published weights."])


def with_table(readme: str) -> str:
    """The README with the table between its marks made anew.

    Raises:
        ValueError: it has no such marks.
    """
    if BEGIN not in readme or END not in readme:
        raise ValueError(f"README.md has no place for the table of models: write the lines {BEGIN!r} and {END!r}")
    before, after = readme.split(BEGIN)[0], readme.split(END)[1]
    return f"{before}{BEGIN}\n{short_table()}\n{END}{after}"


def pages() -> dict[Path, str]:
    """Every file that holds a table, as it should be."""
    readme = ROOT / "README.md"
    return {ROOT / "docs" / "models.md": page(), readme: with_table(readme.read_text())}


def main() -> int:
    """Writes what is out of date, or with `--check` only says so; 1 if something was to be said."""
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        if "--check" in sys.argv:
            print(f"{path.name} is out of date: python docs/make_models.py")
        else:
            path.write_text(text)
    return int("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
