"""The table and the picture of scripts/leaderboard.py."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from ganlab.plot.ecg_paper import draw_windows
from ganlab.plot.figure import png_bytes

NUMBERS = {
    "physiology/plausible_rate": "plausible",
    "physiology/beat_correlation": "beat correlation",
    "physiology/r_amplitude_cv": "variation of R",
    "signal/psd_db": "spectrum off by, dB",
    "distribution/kid": "KID",
    "distribution/c2st_auc": "AUC of a classifier",
    "distribution/recall": "recall",
    "distribution/coverage": "coverage",
    "copies/nearest": "copies",
}
"""Chosen before the first row was made."""
LIGHTS = {"looks_like": "looks like an ECG", "varied": "varied", "private": "private"}
LAST = "unseen patients"
ACROSS = 3


def report(out: Path, picture: Path) -> None:
    """Print the table, and draw three windows of each row of the first seed."""
    results = [json.loads(path.read_text()) for path in sorted(out.glob("*_seed*/result.json"), key=_written)]
    by_row: dict[str, list[dict[str, Any]]] = {}
    for each in results:
        by_row.setdefault(each["row"], []).append(each)
    order = sorted(by_row, key=lambda name: name == LAST)
    print(table({name: by_row[name] for name in order}))
    first = results[0]
    shown = [
        (name, np.load(out / f"{name.replace(' ', '_')}_seed{by_row[name][0]['seed']}" / "shown.npy")) for name in order
    ]
    lead = [windows[:ACROSS, :1] for _, windows in shown]
    titles = [name if k == 0 else "" for name, _ in shown for k in range(ACROSS)]
    drawn = draw_windows(
        np.concatenate(lead), leads=first["leads"][:1], rate=first["rate"], columns=ACROSS, titles=titles, center=True
    )
    picture.write_bytes(png_bytes(drawn, dpi=110))


def _written(path: Path) -> float:
    return path.stat().st_mtime


def table(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the table in Markdown: the light of each seed, means over seeds, and what other real patients have."""
    heads = ["row", *LIGHTS.values(), *NUMBERS.values(), "training steps", "training, s", "generated windows/s"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, results in rows.items():
        lights = [_lights(each["lights"].get(light, "grey") for each in results) for light in LIGHTS]
        numbers = [_mean([each["numbers"].get(key, {}).get("synthetic") for each in results]) for key in NUMBERS]
        facts = [
            _mean([each["facts"].get(key) for each in results])
            for key in ("steps", "training_processor_seconds", "per_second")
        ]
        lines.append(f"| {' | '.join([f'{name} ({len(results)})', *lights, *numbers, *facts])} |")
    every = [each for results in rows.values() for each in results if each["numbers"]]
    ranges = [
        _range([each["numbers"][key]["floor_interval"] for each in every if key in each["numbers"]]) for key in NUMBERS
    ]
    lines.append(f"| other real patients, 95 % | | | | {' | '.join(ranges)} | | | |")
    return "\n".join(lines)


def _lights(colours: Any) -> str:
    return ", ".join(f"**{each}**" if each == "red" else each for each in colours)


def _mean(values: Sequence[float | None]) -> str:
    known = [float(each) for each in values if each is not None]
    return f"{mean(known):.3g}" if known else ""


def _range(intervals: Sequence[Sequence[float | None]]) -> str:
    known = [(low, high) for low, high in intervals if low is not None and high is not None]
    return f"{min(low for low, _ in known):.2g} to {max(high for _, high in known):.2g}" if known else ""
