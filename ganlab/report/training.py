"""A run through training: curves of what it logged, grids of generated images, and what the stopping rule chose."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganlab.core.words import counted, dashed, number
from ganlab.plot.curves import NAMES, class_accuracies, draw_curves, draw_stopping, not_finite
from ganlab.report.page import NOTICE, Frame, Picture, picture
from ganlab.tracking.history import History

_CURVES = {
    "loss": {"loss/G": "generator", "loss/D": "discriminator"},
    "accuracy": {"accuracy/real": "on real", "accuracy/synthetic": "on synthetic"},
    "diversity": {"diversity/ratio": "all", "diversity/class_min": "least diverse class"},
}
_GRID_BYTES = 2_000_000


@dataclass(frozen=True)
class Curves:
    """Figures of what matters most, and one for each family of other series, which the page folds away."""

    figures: Sequence[Picture]
    others: Sequence[Picture]


@dataclass(frozen=True)
class GridSeries:
    """Grids of generated images through time, and their caption."""

    frames: Sequence[Frame]
    caption: str


def curves(history: History, classes: Sequence[str]) -> Curves | None:
    """Return the curves of a run, None where it logged nothing; `classes` are those that D may tell."""
    names = history.names()
    of_class = class_accuracies(names)
    accuracies = _chosen("accuracy", [name for name in names if "accuracy/class_" not in name])
    figures = []
    if losses := _chosen("loss", names):
        figures.append(_curve(history, losses, "loss", "Losses against steps."))
    if accuracies:
        caption = "Share of the real and generated samples that D distinguishes."
        figures.append(_curve(history, accuracies, "accuracy of D", caption, percent=True, chance=1 / 2))
    if of_class:
        caption = "Share of the real and generated samples whose class D predicts correctly (paper, Figure 21)."
        chance = 1 / len(classes) if classes else None
        figures.append(_curve(history, of_class, "accuracy of the class", caption, percent=True, chance=chance))
    if "diversity/ratio" in names:
        caption = "Mean distance between generated images, divided by that between real ones. Near 0: all alike."
        diversity = {name: title for name, title in _CURVES["diversity"].items() if name in names}
        figures.append(_curve(history, diversity, "diversity", caption))
    families = sorted({name.split("/")[0] for name in names} - set(_CURVES))
    others = [_curve(history, _chosen(family, names), family, f"{family} against steps.") for family in families]
    return Curves(figures, others) if figures or others else None


def _chosen(family: str, names: Sequence[str]) -> dict[str, str]:
    """Return the series of a family with their legends, the best known first."""
    first = {name: legend for name, legend in _CURVES.get(family, {}).items() if name in names}
    others = [name for name in names if name.split("/")[0] == family and name not in first]
    return first | {name: name.removeprefix(f"{family}/") for name in others}


def _curve(
    history: History,
    names: Mapping[str, str],
    label: str,
    caption: str,
    *,
    percent: bool = False,
    chance: float | None = None,
) -> Picture:
    missing = not_finite(history, list(names))
    smoothed = " Light: as logged; full: smoothed." if len(history.rows) >= 80 else ""
    broken = f" Not finite, shown as gaps: {counted(missing, 'value')}." if missing else ""
    figure = draw_curves(history, names, label=label, percent=percent, chance=chance)
    return picture(figure, caption + dashed(chance) + smoothed + broken, f"{label} against steps")


def grids(folder: Path, history: History, classes: Sequence[str]) -> GridSeries | None:
    """Return the grids in a folder in the order of their epochs, fewer where all would be too large for a page."""
    paths = grid_files(folder)
    if not paths:
        return None
    kept = _within(paths, _GRID_BYTES)
    frames = [Frame(moment(path, history), path.read_bytes()) for path in kept]
    share = f"{len(kept)} of {len(paths)} grids" if len(kept) < len(paths) else f"{len(paths)} grids"
    rows = f" A row a class: {', '.join(classes)}." if classes else ""
    return GridSeries(
        frames, f"Images of the generator, {share}; move the slider to go through the training.{rows} {NOTICE}"
    )


def grid_files(folder: Path) -> list[Path]:
    """Return the grids in a folder in the order of their epochs."""
    return sorted(folder.glob("*.png"), key=lambda path: (list(map(int, re.findall(r"\d+", path.stem))), path.name))


def _within(paths: Sequence[Path], limit: int) -> list[Path]:
    """Return every path, or every second, fourth and so on until the files fit in `limit` bytes; always the last."""
    stride = 1
    while True:
        kept = list(paths[::-stride])[::-1]
        if len(kept) == 1 or sum(path.stat().st_size for path in kept) <= limit:
            return kept
        stride *= 2


def moment(path: Path, history: History) -> str:
    """Return `epoch_0005` as "epoch 5, step 750"; another name as it is."""
    times = {name: int(value) for name, value in re.findall(r"(epoch|step)_?(\d+)", path.stem)}
    step = history.step_of(times["epoch"]) if "epoch" in times else None
    if step is not None:
        times.setdefault("step", step)
    return ", ".join(f"{name} {number(value)}" for name, value in times.items()) or path.stem


FILE = "stopping.json"


@dataclass(frozen=True)
class ChosenCheckpoint:
    """The reason for the chosen checkpoint, the picture of the rule's scores, and a line per component.

    It holds its real-versus-real value and deviation, and its score where the rule chose.
    """

    why: str
    windows: int
    patients: int
    picture: Picture
    rows: Sequence[Sequence[str]]


def choice(folder: Path) -> ChosenCheckpoint | None:
    """Return what the rule chose in a run's folder; None where no rule chose."""
    file = folder / FILE
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not content.get("evaluations"):
        return None
    scored = [each for each in content["evaluations"] if each["q"] is not None]
    last = scored[-1] if scored else {"z": {}}
    chosen = next((each for each in scored if each["step"] == content["chosen_step"]), last)
    rows = [
        [NAMES.get(name, name), *map(number, (floor["value"], floor["deviation"], chosen["z"].get(name)))]
        for name, floor in content["floors"].items()
    ]
    drawn = picture(draw_stopping(content), "", "Q, its components and the guards against steps", dpi=150)
    why = content["why"][:1].upper() + content["why"][1:] + "."
    return ChosenCheckpoint(why, content["windows"], content["persons"], drawn, rows)
