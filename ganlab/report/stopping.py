"""What the stopping rule measured through training, and what it chose, from the `stopping.json` that it left."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganlab.core.words import number
from ganlab.plot.stopping import NAMES, draw_stopping
from ganlab.report.page import Picture, picture

FILE = "stopping.json"


@dataclass(frozen=True)
class Choice:
    """The reason for the chosen checkpoint, the picture of the rule's scores, and its components as a table."""

    why: str
    picture: Picture
    rows: Sequence[Sequence[str]]


def choice(folder: Path) -> Choice | None:
    """Return what the rule chose in a run's folder; None where no rule chose."""
    file = folder / FILE
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not content.get("evaluations"):
        return None
    caption = (
        f"Q (lower is better) of {content['windows']} generated windows compared with those of {content['persons']} "
        "validation patients: at 0 they are no farther from them than windows of training patients are. Bars: one "
        "standard error from the bootstrap over patients. Hollow: a guard does not hold. Below: each component in "
        "deviations above its real-versus-real reference value, and what the guards look at with their limits, dashed."
    )
    drawn = picture(draw_stopping(content), caption, "Q, its components and the guards against steps", dpi=150)
    return Choice(content["why"][:1].upper() + content["why"][1:] + ".", drawn, _rows(content))


def _rows(content: Mapping[str, Any]) -> list[list[str]]:
    """Return a line per component: its real-versus-real value and deviation, and its score where the rule chose."""
    scored = [each for each in content["evaluations"] if each["q"] is not None]
    last = scored[-1] if scored else {"z": {}}
    chosen = next((each for each in scored if each["step"] == content["chosen_step"]), last)
    return [
        [NAMES.get(name, name), *map(number, (floor["value"], floor["deviation"], chosen["z"].get(name)))]
        for name, floor in content["floors"].items()
    ]
