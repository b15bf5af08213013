"""The page of evidence: how far generated samples are from real ones, and which metrics can be trusted to say so."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganlab.core.files import write_whole
from ganlab.core.kind import Kind
from ganlab.core.words import number
from ganlab.evaluation.evidence import Evidence
from ganlab.metrics.base import SampleSet
from ganlab.report.numbers import numbers
from ganlab.report.page import render
from ganlab.report.samples import REAL, SIMULATED, compare, exhibits_by_class
from ganlab.report.verdict import read_verdict, view

_WARNINGS = ("both_halves_trained", "trained_by_unknown", "other_data")
"""Facts that are shown as warnings, above the others."""
_SETTINGS = ("split", "split_seed", "draws_of_persons", "version", "code", "settings")
"""Facts that are folded away, below the command."""


def write_evidence(
    folder: Path,
    kind: Kind,
    real: SampleSet,
    synthetic: SampleSet,
    evidence: Evidence,
    facts: Mapping[str, Any],
    classes: Sequence[str],
) -> Path:
    """Write `folder/report.html`, generated samples compared with real ones, and return its path.

    It begins with the verdict in the folder. `real` and `synthetic` are drawn side by side, a few of each of the
    `classes` where the labels are known. `facts` say what was compared with what: text, numbers and lists by name.
    """
    labels = synthetic.labels if len(classes) > 1 and len(synthetic) else None
    command = facts.get("command")
    called = SIMULATED if facts.get("simulated") else REAL
    head = {
        "data_set": "real data",
        "compared_with": "compared with",
        "judged": "generated samples",
        "reference_samples": "real samples",
        "reference_persons": f"{kind.people} of these",
        "training_persons": f"{kind.people} of the training part",
    }
    others = [key for key in facts if key not in (*head, *_WARNINGS, "command", *_SETTINGS)]
    made = {"ganlab": facts.get("version"), "commit": facts.get("code")}
    content = render(
        "evidence.html",
        title="Evidence",
        name=facts.get("run") or facts.get("synthetic") or "Generated samples",
        head=[(name, number(facts[key])) for key, name in head.items() if facts.get(key) is not None],
        simulated=bool(facts.get("simulated")),
        warnings=[facts[key] for key in _WARNINGS if facts.get(key)],
        facts=_rows(facts, others),
        verdict=view(read_verdict(folder)),
        called=called,
        samples=compare(kind, real.values, synthetic.values, called=called),
        classes=[] if labels is None else exhibits_by_class(kind, synthetic.values, labels, classes),
        numbers=numbers(evidence.rows, evidence.left_out, facts.get("draws_of_persons"), evidence.details, kind.people),
        command=" ".join(map(str, command)) if isinstance(command, list | tuple) else command,
        settings=_rows(facts, [key for key in _SETTINGS if facts.get(key) is not None]),
        made=", ".join(f"{name} {value}" for name, value in made.items() if value),
    )
    return write_whole(Path(folder) / "report.html", content, "out")


def _rows(facts: Mapping[str, Any], keys: Sequence[str]) -> list[tuple[str, str]]:
    return [(str(key).replace("_", " "), _fact(facts[key])) for key in keys]


def _fact(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_fact(each)}" for key, each in value.items()) or "–"
    return number(value) or "–"
