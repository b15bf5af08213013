"""The report of one training run: what was made, from what, and how it compares with real data.

It is written from what the run left in its folder, and leaves out what is not there: `config.yaml`,
`run.json`, `metrics.jsonl` (a row a step), `metrics.json` (the final scores) and `grids/epoch_0005.png`...
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganlab.core.files import whole, write_whole
from ganlab.core.kind import Kind
from ganlab.core.words import counted, number
from ganlab.evaluation.reference import Preview
from ganlab.plot.images import draw_grids
from ganlab.report.content import list_of, mapping, read_mapping
from ganlab.report.numbers import numbers
from ganlab.report.page import NOTICE, Picture, picture, render
from ganlab.report.samples import REAL, compare, exhibits_by_class
from ganlab.report.training import choice, curves, grids
from ganlab.report.verdict import read_verdict, view
from ganlab.tracking.history import read_history
from ganlab.tracking.shared import nameless

COMPARISON = "comparison.png"
"""Picture of real and synthetic samples, in the folder of the run."""
_CHOICES = ("dataset", "split", "standardization", "arrangement", "architecture", "gan", "loss", "trick")
_SETTINGS = (*_CHOICES, "batch_size", "epochs", "steps", "seed")
_TITLES = {"dataset": "data set", "gan": "GAN", "trick": "tricks", "batch_size": "batch size"}


def write_report(
    folder: Path,
    kind: Kind,
    *,
    real: Preview | None = None,
    synthetic: Preview | None = None,
    classes: Sequence[str] = (),
    counts: Mapping[str, float] | None = None,
    left_out: Sequence[str] = (),
    compared: str = "",
    called: str = REAL,
) -> Path:
    """Write `folder/report.html` and return its path. It begins with the verdict in the folder.

    `real` and `synthetic` are drawn side by side as samples and as images; where the generated ones have labels, a few
    of each of the `classes`. `compared` says with whom they are compared, who are `called` real or simulated.
    `counts` are shares of what saturated or was rounded away; `left_out` says what could not be measured.
    The images also go to `folder/comparison.png`.
    """
    folder = Path(folder)
    trouble: list[str] = []
    run, scores, attacks = (
        read_mapping(folder / name, trouble) for name in ("run.json", "metrics.json", "attacks.json")
    )
    file = folder / "config.yaml"
    config = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    history = read_history(folder / "metrics.jsonl")
    settings = read_mapping(file, [])
    name = str(run.get("name") or folder.resolve().name)
    by_label = synthetic is not None and synthetic.labels is not None
    content = render(
        "run.html",
        title=name,
        people=kind.people,
        run=run,
        parameters=mapping(run.get("parameters")),
        settings=settings,
        samples=compare(kind, *(None if each is None else each.samples for each in (real, synthetic)), called=called),
        images=_images(folder, real, synthetic, called),
        called=called,
        compared=compared,
        verdict=view(read_verdict(folder, trouble)),
        by_label=by_label,
        classes=exhibits_by_class(kind, synthetic.samples, synthetic.labels, classes) if by_label else [],  # type: ignore
        numbers=numbers(scores, drawn=attacks, people=kind.people),
        privacy=mapping(run.get("differential_privacy")),
        choice=choice(folder),
        counts=[(key.replace("_", " "), f"{100 * share:.3g} %") for key, share in (counts or {}).items()],
        curves=curves(history, classes),
        history=history,
        grids=grids(folder / "grids", history, classes),
        data=data_view(mapping(run.get("data")), kind.people),
        choices=_choices(settings | run | mapping(run.get("choices"))),
        overrides=" ".join(map(str, list_of(run.get("overrides")))),
        config=config,
        left_out=[*list_of(run.get("left_out")), *left_out, *trouble],
        digest=hashlib.sha256(config.encode()).hexdigest()[:12] if config else "",
    )
    return write_whole(folder / "report.html", content)


def _images(folder: Path, real: Preview | None, synthetic: Preview | None, called: str) -> Picture | None:
    """Return both sets as images, and write them to the folder; None where one is missing."""
    if real is None or synthetic is None:
        return None
    caption = f"{called} and generated samples as the networks see them. {NOTICE}"
    grids = draw_grids({called: real.images, "Synthetic": synthetic.images})
    drawn = picture(grids, caption, f"Grids of {called.lower()} and of generated images", dpi=110)
    with whole(folder / COMPARISON) as file:
        file.write(drawn.png)
    return drawn


def _choices(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    given = {key: settings[key] for key in _SETTINGS if settings.get(key) not in (None, [])}
    return [(_TITLES.get(key, key), number(each)) for key, each in given.items() if not isinstance(each, Mapping)]


@dataclass(frozen=True)
class DataSection:
    """Totals, parts by class, and records that were left out or are doubtful, each as text."""

    totals: Sequence[tuple[str, str]]
    note: str
    header: Sequence[str]
    parts: Sequence[Sequence[str]]
    noun: str
    skipped_title: str
    skipped: Sequence[Sequence[str]]
    doubtful: Sequence[Sequence[str]]


def data_view(data: Mapping[str, Any], people: str) -> DataSection | None:
    """Return the section on what `run.json` says of the data; None where it says nothing."""
    if not data:
        return None
    noun = f"{data.get('noun', 'sample')}s"
    units = {"records": "records", "patients": people, "samples": noun}
    classes = list(mapping(data.get("classes")))
    parts = {name: mapping(part) for name, part in mapping(data.get("parts")).items()}
    skipped = [mapping(item) for item in list_of(data.get("skipped"))]
    record = "row" if data.get("noun") == "row" else "record"
    totals: Counter[str] = Counter()
    for one in skipped:
        if isinstance(count := one.get("count", 1), int):
            totals[one.get("noun") or record] += count
    return DataSection(
        totals=[(unit, number(data[key])) for key, unit in units.items() if key in data],
        note=str(data.get("note") or ""),
        header=["part", people, noun, *classes],
        parts=[
            [
                name,
                *map(
                    number, (part.get("patients"), part.get("samples"), *map(mapping(part.get("classes")).get, classes))
                ),
            ]
            for name, part in parts.items()
        ],
        noun=record,
        skipped_title=", ".join(counted(total, of) for of, total in totals.items()),
        skipped=_records(skipped, record),
        doubtful=_records(list_of(data.get("doubtful")), record),
    )


def _records(items: Sequence[Any], noun: str) -> list[tuple[str, str, str]]:
    """Return what was left out, why, and how many; single records have their names in `run.json` alone."""
    return [(one["record"], one["reason"], number(one["count"])) for one in nameless(items, noun)]
