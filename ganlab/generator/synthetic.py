"""Samples of a trained generator in the form in which files of samples are read."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window
from ganlab.evaluation.reference import generated
from ganlab.exchange.synthetic import Synthetic
from ganlab.generator.trained import Trained


def sampled(trained: Trained, kind: Kind, leads: Sequence[str] | None, count: int | None, on_bad: str) -> Synthetic:
    """Return `count` samples of a generator, or as many as trained it, windows with the requested leads.

    Raises UserError where real samples, of this kind, cannot be compared with them, and for samples that are not
    finite unless `on_bad` is skip.
    """
    preview = generated(trained.gan, count or trained.run["data"]["parts"]["train"]["samples"])
    values, own = preview.samples, trained.kind
    if type(own) is not type(kind) or (own != kind and not own.leads):
        raise UserError(f"The run generates {own}, and the data set gives {kind}: they cannot be compared.")
    if isinstance(own, Window):
        own = replace(own, leads=_leads(own, leads))
        values = values[:, [trained.kind.leads.index(lead) for lead in own.leads]]
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    bad = int((~finite).sum())
    if bad == len(values) or (bad and on_bad == "error"):
        raise UserError(f"{bad} of {len(values)} generated samples hold NaN or infinity; on_bad=skip leaves them out.")
    facts = {
        "format": "run folder",
        "run": trained.run["name"],
        "checkpoint": trained.checkpoint,
        "trained_on": trained.run["choices"]["dataset"],
        "not_finite": bad,
    }
    labels = None if preview.labels is None else preview.labels[finite].astype(np.int64)
    return Synthetic(own, values[finite], labels, facts)


def _leads(kind: Window, leads: Sequence[str] | None) -> tuple[str, ...]:
    if lacking := [lead for lead in leads or () if lead not in kind.leads]:
        raise UserError(f"leads: the run generates {', '.join(kind.leads)}, not {', '.join(lacking)}.")
    return tuple(leads or kind.leads)
