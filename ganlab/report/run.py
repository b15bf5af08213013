"""The report of one training run: what was made, from what, and how it compares with real data.

It is written from what the run left in its folder, and leaves out what is not there: `config.yaml`,
`run.json`, `metrics.jsonl` (a row a step), `metrics.json` (the final scores) and `grids/epoch_0005.png`...
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ganlab.core.files import write_whole
from ganlab.core.kind import Kind
from ganlab.core.words import duration, number
from ganlab.evaluation.reference import Preview
from ganlab.plot.images import draw_grids
from ganlab.report.data import data_view, list_of, mapping
from ganlab.report.numbers import numbers
from ganlab.report.page import NOTICE, Picture, picture, render
from ganlab.report.samples import by_class, compare
from ganlab.report.stopping import choice
from ganlab.report.training import curves, grids
from ganlab.tracking.history import read_history

COMPARISON = "comparison.png"
"""Real beside synthetic samples, in the folder of the run."""
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

    `real` and `synthetic` are drawn side by side as samples and as images; where the generated ones have labels,
    a few of each of the `classes`. `counts` are shares of what saturated or was rounded away; `left_out` says what
    could not be measured. The images also go to `folder/comparison.png`.
    """
    folder = Path(folder)
    trouble: list[str] = []
    run, scores, attacks = (_read(folder / name, trouble) for name in ("run.json", "metrics.json", "attacks.json"))
    config = _text(folder / "config.yaml")
    history = read_history(folder / "metrics.jsonl")
    settings = _top_level(config)
    name = str(run.get("name") or folder.resolve().name)
    by_label = synthetic is not None and synthetic.labels is not None
    content = render(
        "run.html",
        title=name,
        people=kind.people,
        run=run,
        facts=_facts(run),
        reduced=bool(settings.get("reduced")),
        reported=settings.get("reported"),
        samples=compare(kind, *(None if each is None else each.samples for each in (real, synthetic))),
        images=_images(folder, real, synthetic),
        by_label=by_label,
        classes=by_class(kind, synthetic.samples, synthetic.labels, classes) if by_label else [],  # type: ignore
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
        origin=_origin(name, run, config),
        measured=any(key.startswith("privacy/") for key in scores),
    )
    return write_whole(folder / "report.html", content)


def _read(path: Path, trouble: list[str]) -> dict[str, Any]:
    """Return a JSON object, empty where the file is absent or damaged; damage is reported in `trouble`."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        trouble.append(f"{path.name} could not be read: {error}.")
        return {}
    if not isinstance(content, dict):
        trouble.append(f"{path.name} holds no mapping, so nothing of it is shown.")
    return mapping(content)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _top_level(config: str) -> dict[str, Any]:
    try:
        return mapping(yaml.safe_load(config))
    except yaml.YAMLError:
        return {}


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    parameters = mapping(run.get("parameters"))
    facts = {
        "epochs": number(run.get("epochs")),
        "steps": number(run.get("steps")),
        "time": duration(run.get("seconds")),
        "device": number(run.get("device")),
        "generator's parameters": number(parameters.get("generator")),
        "discriminator's parameters": number(parameters.get("discriminator")),
        "seed": number(run.get("seed")),
    }
    return [(name, value) for name, value in facts.items() if value != "–"]


def _images(folder: Path, real: Preview | None, synthetic: Preview | None) -> Picture | None:
    """Return both sets as images, and write them to the folder; None where one is missing."""
    if real is None or synthetic is None:
        return None
    caption = f"Real and generated samples as the networks see them. {NOTICE}"
    grids = draw_grids({"Real": real.images, "Synthetic": synthetic.images})
    drawn = picture(grids, caption, "Grids of real and of generated images", dpi=110)
    (folder / COMPARISON).write_bytes(drawn.png)
    return drawn


def _choices(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    chosen = {title: settings.get(key) for key, title in _CHOICES.items()}
    plain = {title: value for title, value in chosen.items() if value != [] and not isinstance(value, Mapping)}
    return [(title, number(value)) for title, value in plain.items() if value is not None]


def _origin(name: str, run: Mapping[str, Any], config: str) -> str:
    """Return by which run, configuration, seed and code the synthetic data were generated."""
    digest = hashlib.sha256(config.encode()).hexdigest()[:12] if config else ""
    origin = [
        f"run {name}",
        f"config.yaml (SHA-256 {digest})" if digest else "no config.yaml",
        f"seed {run['seed']}" if run.get("seed") is not None else "seed not recorded",
        f"ganlab {run['version']}" if run.get("version") else "version not recorded",
        f"commit {run['git_commit']}" if run.get("git_commit") else "",
        f"checkpoint {run['checkpoint']}" if run.get("checkpoint") else "",
    ]
    return ", ".join(filter(None, origin))
