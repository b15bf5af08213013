"""Generated windows beside real ones: the numbers and the report at the end of a run."""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.compose import Composed
from ganlab.metrics.base import Measure
from ganlab.report.run import write_report

log = logging.getLogger(__name__)

NOISE_SEED = 1


def evaluate(folder: Path, composed: Composed, measures: Mapping[str, Measure], count: int) -> dict[str, Any]:
    """Write `metrics.json` and `report.html` from `count` windows of each kind; return the numbers."""
    data = composed.data
    real = data.windows(data.judged_part).spread(count).numpy()
    synthetic = composed.gan.sample(count, seed=NOISE_SEED).numpy()
    leads, rate = composed.arrangement.decoded_leads, data.usable[0].rate
    measured = side_by_side(measures, real, synthetic, leads, rate)
    (folder / "metrics.json").write_text(json.dumps(measured, indent=1))
    report = write_report(folder, real=real, synthetic=synthetic, leads=leads, rate=rate)
    log.info("report: %s", report)
    return measured


def side_by_side(
    measures: Mapping[str, Measure],
    real: NDArray[np.floating],
    synthetic: NDArray[np.floating],
    leads: Sequence[str],
    rate: float,
) -> dict[str, Any]:
    """Each number of generated windows `(N, leads, samples)` in mV beside the same of real ones."""
    table: dict[str, Any] = {}
    for measure in measures.values():
        of_real, of_synthetic = measure(real, leads, rate), measure(synthetic, leads, rate)
        for name, value in of_synthetic.items():
            unit, meaning = measure.meaning[name]
            row = {"synthetic": _finite(value), "real": _finite(of_real[name]), "unit": unit, "meaning": meaning}
            table[name] = row
    return table


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
