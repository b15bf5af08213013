"""Prints markdown tables from results of `python -m ganlab.evaluate`: controls, or a comparison of several generators.

python scripts/evidence_table.py outputs/evaluate/A
python scripts/evidence_table.py laptop=A0,A1,A2 slim=B0,B1,B2 --rows physiology/plausible_rate distribution/kid
"""

import argparse
import json
from pathlib import Path
from typing import Any

from ganlab.evaluation.rows import detected

CONTROLS = ("copy", "noisy_copy", "collapsed", "noise")
BASELINES = ("bootstrap", "pca_gaussian")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", help="an evaluation, or name=evaluation,evaluation... for each generator")
    parser.add_argument("--rows", nargs="+", help="numbers, or families such as physiology/; all by default")
    asked = parser.parse_args()
    named = [each.partition("=") for each in asked.what]
    if all(folders for _, _, folders in named):
        compare(
            {name: [numbers(Path(folder)) for folder in folders.split(",")] for name, _, folders in named}, asked.rows
        )
    else:
        controls(numbers(Path(asked.what[0])), asked.rows)


def numbers(folder: Path) -> dict[str, Any]:
    """Return the metrics of an evaluation, or of a run, by name."""
    found = json.loads((folder / "metrics.json").read_text())
    return found.get("numbers", found)


def controls(rows: dict[str, Any], wanted: list[str] | None) -> None:
    """Print each metric's reference range, controls and baselines; bold if a control is distinguished from real."""
    _head("metric", "real", "reference range", *(name.replace("_", " ") for name in (*CONTROLS, *BASELINES)))
    for name, row in _chosen(rows, wanted):
        told = detected(row)
        cells = [f"**{_said(row['controls'][c])}**" if told.get(c) else _said(row["controls"][c]) for c in CONTROLS]
        cells += [_said(row["baselines"][b]) for b in BASELINES]
        _line(name, _said(row["real"]), _with_interval(row["floor"], row["floor_interval"]), *cells)


def compare(sets: dict[str, list[dict[str, Any]]], wanted: list[str] | None) -> None:
    """Print one column for each generator, with one value for each seed."""
    first = next(iter(sets.values()))[0]
    _head("metric", "real", "other real patients", *sets)
    for name, row in _chosen(first, wanted):
        cells = [", ".join(_said(rows[name]["synthetic"]) for rows in runs if name in rows) for runs in sets.values()]
        _line(name, _said(row["real"]), _with_interval(row["floor"], row["floor_interval"]), *cells)


def _chosen(rows: dict[str, Any], wanted: list[str] | None) -> list[tuple[str, Any]]:
    return [
        (name, row)
        for name, row in rows.items()
        if wanted is None or any(name == each or (each.endswith("/") and name.startswith(each)) for each in wanted)
    ]


def _head(*cells: str) -> None:
    _line(*cells)
    print("|" + "---|" * len(cells))


def _line(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |")


def _with_interval(value: float | None, interval: list[float | None]) -> str:
    low, high = interval
    return _said(value) if low is None or high is None else f"{_said(value)} [{_said(low)}, {_said(high)}]"


def _said(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
