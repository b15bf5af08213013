"""The report of one training run: what was made, from what, and how it compares with real data.

It is written from what the run left in its folder, and leaves out what is not there: `config.yaml`,
`run.json`, `metrics.jsonl` (a row a step), `metrics.json` (the final measures) and `grids/epoch_0005.png`...
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ganlab.core.files import write_whole
from ganlab.core.kind import Kind
from ganlab.core.words import REDUCED, counted, dashed, duration, number
from ganlab.evaluation.reference import Preview
from ganlab.plot.curves import class_accuracies, draw_curves, not_finite
from ganlab.plot.ecg_paper import png_bytes
from ganlab.plot.images import draw_grids
from ganlab.report import page
from ganlab.report.evidence import sections
from ganlab.report.page import Frame, Html
from ganlab.report.samples import by_class, compare
from ganlab.report.stopping import stopping_section
from ganlab.tracking.history import History, read_history

Array = NDArray[np.floating]

RISK = "The risk to the patients whose records trained this model has not been measured in this run."
MEASURED = "The table of measures says what was measured of the risk to the patients, not that there is none."

_CHOICES = {
    "dataset": "data set",
    "split": "split",
    "standardization": "standardization",
    "arrangement": "arrangement",
    "architecture": "architecture",
    "gan": "GAN",
    "loss": "loss",
    "trick": "tricks",
    "batch_size": "batch size",
    "epochs": "epochs",
    "steps": "steps",
    "seed": "seed",
}
_CURVES = {
    "loss": {"loss/G": "generator", "loss/D": "discriminator"},
    "accuracy": {"accuracy/real": "on real", "accuracy/synthetic": "on synthetic"},
}
COMPARISON = "comparison.png"
"""Real beside synthetic samples, in the folder of the run."""
_GRID_BYTES = 2_000_000


def write_report(
    folder: Path,
    kind: Kind,
    *,
    real: Preview | None = None,
    synthetic: Preview | None = None,
    classes: Sequence[str] = (),
    counts: Mapping[str, float] | None = None,
    left_out: Sequence[str] = (),
) -> Path:
    """Write `folder/report.html` and return its path.

    `real` and `synthetic` are drawn beside each other as samples and as images; where the generated ones have labels,
    a few of each of the `classes`. `counts` are shares of what saturated or was rounded away; `left_out` says what
    could not be measured. The images also go to `folder/comparison.png`.
    """
    folder = Path(folder)
    trouble: list[str] = []
    run, measures = _read(folder / "run.json", trouble), _read(folder / "metrics.json", trouble)
    config, history = _config(folder / "config.yaml"), read_history(folder / "metrics.jsonl")
    name = str(run.get("name") or folder.resolve().name)
    blocks = [
        _head(name, run, _top_level(config)),
        _samples(kind, real, synthetic),
        _images(folder, real, synthetic),
        _classes(kind, synthetic, classes),
        _measures(measures, _read(folder / "attacks.json", trouble)),
        _guarantee(_mapping(run.get("differential_privacy"))),
        stopping_section(folder),
        _counts(counts or {}),
        _curves(history, classes),
        _grids(folder / "grids", history, classes),
        _data(_mapping(run.get("data"))),
        _settings(run, config),
        _left_out([*_list(run.get("left_out")), *left_out, *trouble]),
    ]
    target = folder / "report.html"
    return write_whole(target, page.page(name, blocks, _footer(name, run, config, measures)))


def _read(path: Path, trouble: list[str]) -> dict[str, Any]:
    """A JSON object, empty where the file is absent or damaged; damage is told in `trouble`."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        trouble.append(f"{path.name} could not be read: {error}.")
        return {}
    if not isinstance(content, dict):
        trouble.append(f"{path.name} holds no mapping, so nothing of it is shown.")
    return _mapping(content)


def _config(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _mapping(value: object) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _head(name: str, run: Mapping[str, Any], config: Mapping[str, Any]) -> Html:
    parameters = _mapping(run.get("parameters"))
    known = {
        "epochs": number(run.get("epochs")),
        "steps": number(run.get("steps")),
        "time": duration(run.get("seconds")),
        "device": number(run.get("device")),
        "generator": number(parameters.get("generator")),
        "discriminator": number(parameters.get("discriminator")),
        "seed": number(run.get("seed")),
    }
    units = {"generator": "generator's parameters", "discriminator": "discriminator's parameters"}
    shown = [(units.get(key, key), value) for key, value in known.items() if value != "–"]
    started = f"Training run, started {run['started']}" if run.get("started") else "Training run"
    return page.join(
        [
            page.banner(),
            page.banner(REDUCED) if config.get("reduced") else "",
            page.heading(page.breakable(name), 1),
            page.paragraph(started, "lead"),
            page.facts(shown) if shown else "",
            page.paragraph(f"Reported by the document: {config['reported']}.") if config.get("reported") else "",
        ]
    )


def _samples(kind: Kind, real: Preview | None, synthetic: Preview | None) -> Html:
    given = [None if shown is None else shown.samples for shown in (real, synthetic)]
    blocks = compare(kind, *given)
    return page.section("Real beside synthetic", *blocks) if blocks else Html("")


def _images(folder: Path, real: Preview | None, synthetic: Preview | None) -> Html:
    if real is None or synthetic is None:
        return Html("")
    picture = png_bytes(draw_grids({"Real": real.images, "Synthetic": synthetic.images}), dpi=110)
    (folder / COMPARISON).write_bytes(picture)
    caption = f"Real and generated samples as the networks see them. {page.NOTICE}"
    return page.section("As images", page.figure(picture, caption, "Grids of real and of generated images"))


def _classes(kind: Kind, synthetic: Preview | None, classes: Sequence[str]) -> Html:
    if synthetic is None or synthetic.labels is None:
        return Html("")
    return page.section("Generated by class", *by_class(kind, synthetic.samples, synthetic.labels, classes))


def _measures(measures: Mapping[str, Any], shown: Mapping[str, Any]) -> Html:
    return page.join(sections(measures, shown=shown))


def _guarantee(found: Mapping[str, Any]) -> Html:
    """Epsilon with its unit, delta and accountant, and what it says nothing of."""
    if not found:
        return Html("")
    facts = [
        ("epsilon", number(found["epsilon"])),
        ("unit", found["unit"]),
        ("delta", number(found["delta"])),
        ("accountant", found["accountant"]),
    ]
    text = (
        f"D was updated {number(found['updates'])} times with noise of {number(found['noise'])} times the clip "
        f"{number(found['clip'])}, each of {number(found['persons'])} persons drawn with probability "
        f"{number(found['rate'])}. Epsilon bounds what anybody can learn from the generator about whether one person's "
        "recordings were there; outside of it is:"
    )
    outside = page.table([(line,) for line in _list(found.get("outside"))], ("outside of epsilon",))
    return page.section("Differential privacy", page.facts(facts), page.paragraph(text), outside)


def _counts(counts: Mapping[str, float]) -> Html:
    if not counts:
        return Html("")
    rows = [(page.breakable(name.replace("_", " ")), f"{100 * share:.3g} %") for name, share in counts.items()]
    text = "Shares of the values concerned, from the first to the last, before they were cut or rounded."
    table = page.table(rows, ("counted", "share"), numeric=(1,))
    return page.section("Cut and rounded", page.paragraph(text, "muted"), table)


def _curves(history: History, classes: Sequence[str]) -> Html:
    names = history.names()
    of_class = class_accuracies(names)
    losses = _chosen(_CURVES["loss"], names, "loss/")
    accuracies = _chosen(_CURVES["accuracy"], [name for name in names if "accuracy/class_" not in name], "accuracy/")
    figures = []
    if losses:
        figures.append(_curve(history, losses, "loss", "Losses against steps."))
    if accuracies:
        caption = "Share of the real and generated samples that D tells from one another."
        figures.append(_curve(history, accuracies, "accuracy of D", caption, percent=True, chance=1 / 2))
    if of_class:
        caption = "Share of the real and generated samples whose class D tells (paper, Figure 21)."
        chance = 1 / len(classes) if classes else None
        figures.append(_curve(history, of_class, "accuracy of the class", caption, percent=True, chance=chance))
    if "diversity/ratio" in names:
        spread = {"diversity/ratio": "all", "diversity/class_min": "least diverse class"}
        caption = "Mean distance between generated images over that between real ones. Near 0 all are alike."
        known = {name: legend for name, legend in spread.items() if name in names}
        figures.append(_curve(history, known, "diversity", caption))
    families = sorted({name.split("/")[0] for name in names} - {"loss", "accuracy", "diversity"})
    others = [_family(history, family) for family in families]
    folded = page.details(f"Everything else that was logged ({len(others)})", page.columns(*others)) if others else ""
    if not figures and not others:
        return Html("")
    return page.section("Through training", page.columns(*figures) if figures else "", _lines(history), folded)


def _chosen(known: Mapping[str, str], names: Sequence[str], prefix: str) -> dict[str, str]:
    """The known series first, under their legends, then the others of the same prefix."""
    first = {name: legend for name, legend in known.items() if name in names}
    return first | {name: name.removeprefix(prefix) for name in names if name.startswith(prefix) and name not in first}


def _family(history: History, family: str) -> Html:
    members = [name for name in history.names() if name.split("/")[0] == family]
    return _curve(
        history,
        {name: name.removeprefix(f"{family}/") for name in members},
        family,
        f"{family} against steps.",
    )


def _curve(
    history: History,
    names: dict[str, str],
    label: str,
    caption: str,
    *,
    percent: bool = False,
    chance: float | None = None,
) -> Html:
    missing = not_finite(history, list(names))
    smoothed = " Light: as logged; full: smoothed." if len(history.rows) >= 80 else ""
    broken = f" Not finite, and left as gaps: {counted(missing, 'value')}." if missing else ""
    figure = draw_curves(history, names, label=label, percent=percent, chance=chance)
    return page.figure(
        png_bytes(figure, dpi=170), caption + dashed(chance) + smoothed + broken, f"{label} against steps"
    )


def _lines(history: History) -> Html:
    said = []
    if history.resumed:
        said.append(f"Resumed at step {', '.join(map(number, history.resumed))}.")
    if history.unreadable:
        said.append(f"Could not be read: {counted(history.unreadable, 'line')} of metrics.jsonl.")
    return page.paragraph(" ".join(said), "muted") if said else Html("")


def _grids(folder: Path, history: History, classes: Sequence[str]) -> Html:
    paths = sorted(folder.glob("*.png"), key=lambda path: (_numbers(path), path.name))
    if not paths:
        return Html("")
    kept = _within(paths, _GRID_BYTES)
    frames = [Frame(_moment(path, history), path.read_bytes()) for path in kept]
    share = f"{len(kept)} of {len(paths)} grids" if len(kept) < len(paths) else f"{len(paths)} grids"
    rows = f" A row a class: {', '.join(classes)}." if classes else ""
    caption = f"What the generator made, {share}; move the slider to go through training.{rows} {page.NOTICE}"
    return page.section("Generated images through time", page.slider(frames, caption))


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", path.stem)))


def _within(paths: Sequence[Path], limit: int) -> list[Path]:
    """Every path, or every second, fourth and so on until the files fit in `limit` bytes; always the last."""
    stride = 1
    while True:
        kept = list(paths[::-stride])[::-1]
        if len(kept) == 1 or sum(path.stat().st_size for path in kept) <= limit:
            return kept
        stride *= 2


def _moment(path: Path, history: History) -> str:
    """`epoch_0005` as "epoch 5, step 750"; another name as it is."""
    times = {name: int(value) for name, value in re.findall(r"(epoch|step)_?(\d+)", path.stem)}
    step = history.step_of(times["epoch"]) if "epoch" in times else None
    if step is not None:
        times.setdefault("step", step)
    return ", ".join(f"{name} {number(value)}" for name, value in times.items()) or path.stem


def _data(data: Mapping[str, Any]) -> Html:
    if not data:
        return Html("")
    noun = f"{data.get('noun', 'sample')}s"
    units = {"records": "records", "patients": "persons", "samples": noun}
    totals = [(unit, number(data[key])) for key, unit in units.items() if key in data]
    parts = {name: _mapping(part) for name, part in _mapping(data.get("parts")).items()}
    classes = list(_mapping(data.get("classes")))
    rows = [
        (name, *(number(value) for value in (part.get("patients"), part.get("samples"), *_of_classes(part, classes))))
        for name, part in parts.items()
    ]
    header = ("part", "persons", noun, *map(page.breakable, classes))
    table = page.table(rows, header, numeric=range(1, len(header))) if rows else ""
    note = page.paragraph(data["note"]) if data.get("note") else ""
    return page.section("Data", page.facts(totals) if totals else "", note, table, _skipped(data), _doubtful(data))


def _of_classes(part: Mapping[str, Any], classes: Sequence[str]) -> list[Any]:
    counts = _mapping(part.get("classes"))
    return [counts.get(name) for name in classes]


def _skipped(data: Mapping[str, Any]) -> Html:
    left_out = [_mapping(item) for item in _list(data.get("skipped"))]
    rows = [(one.get("record", "–"), one.get("reason", "–"), number(one.get("count", 1))) for one in left_out]
    if not rows:
        return Html("")
    noun = "row" if data.get("noun") == "row" else "record"
    totals: Counter[str] = Counter()
    for one in left_out:
        if isinstance(count := one.get("count", 1), int):
            totals[one.get("noun") or noun] += count
    table = page.table(rows, (noun, "reason", "how many"), numeric=(2,))
    return page.details(f"Left out: {', '.join(counted(total, of) for of, total in totals.items())}", table)


def _doubtful(data: Mapping[str, Any]) -> Html:
    kept = [_mapping(item) for item in _list(data.get("doubtful"))]
    rows = [(one.get("record", "–"), one.get("reason", "–"), number(one.get("count", 1))) for one in kept]
    if not rows:
        return Html("")
    return page.details("Used, and doubtful", page.table(rows, ("what", "why", "how many"), numeric=(2,)))


def _settings(run: Mapping[str, Any], config: str) -> Html:
    known = _top_level(config) | dict(run) | _mapping(run.get("choices"))
    chosen = [(legend, number(known[key])) for key, legend in _CHOICES.items() if _is_choice(known.get(key))]
    overrides = " ".join(map(str, _list(run.get("overrides"))))
    blocks = [
        page.columns(*_halves(chosen)) if chosen else "",
        page.join([page.paragraph("Overrides:", "muted"), page.code(overrides)]) if overrides else "",
        page.details("The whole configuration (config.yaml)", page.code(config)) if config else "",
    ]
    return page.section("Settings", *blocks) if any(blocks) else Html("")


def _halves(rows: Sequence[Sequence[object]]) -> list[Html]:
    """A long table as two beside each other."""
    middle = math.ceil(len(rows) / 2)
    return [page.table(part) for part in (rows[:middle], rows[middle:]) if part]


def _top_level(config: str) -> dict[str, Any]:
    try:
        return _mapping(yaml.safe_load(config))
    except yaml.YAMLError:
        return {}


def _is_choice(value: object) -> bool:
    return value is not None and value != [] and not isinstance(value, Mapping)


def _left_out(reasons: Iterable[object]) -> Html:
    said = list(reasons)
    return page.section("Left out", page.items(said)) if said else Html("")


def _footer(name: str, run: Mapping[str, Any], config: str, measures: Mapping[str, Any]) -> Html:
    digest = hashlib.sha256(config.encode()).hexdigest()[:12] if config else ""
    origin = [
        f"run {name}",
        f"config.yaml (SHA-256 {digest})" if digest else "no config.yaml",
        f"seed {run['seed']}" if run.get("seed") is not None else "seed not recorded",
        f"ganlab {run['version']}" if run.get("version") else "version not recorded",
        f"commit {run['git_commit']}" if run.get("git_commit") else "",
        f"checkpoint {run['checkpoint']}" if run.get("checkpoint") else "",
    ]
    measured = any(key.startswith("privacy/") for key in measures)
    lines = [
        Html(f"<strong>{page.text(page.NOTICE)}</strong>"),
        f"The synthetic data on this page were generated by {', '.join(filter(None, origin))}.",
        MEASURED if measured else RISK,
    ]
    return page.join(map(page.paragraph, lines))
