"""Makes the tables of models, in docs/models.md and in the README, from the presets.

python docs/make_models.py          # writes them
python docs/make_models.py --check  # says whether they are up to date
"""

import sys
from pathlib import Path

import made

from audiozoo import zoo

ROOT = Path(__file__).parents[1]
SCRIPT = "make_models.py"


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
    """The README with the table between its marks made anew. A ValueError if it has none."""
    return made.between(readme, "models", SCRIPT, short_table())


def pages() -> dict[Path, str]:
    """Every file that holds a table, as it should be."""
    readme = ROOT / "README.md"
    return {ROOT / "docs" / "models.md": page(), readme: with_table(readme.read_text())}


if __name__ == "__main__":
    sys.exit(made.write(pages(), SCRIPT))
