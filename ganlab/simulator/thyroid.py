"""Rows with the columns, distributions and correlations of the thyroid data's class 3.

Rows are drawn by a Gaussian copula, a normal vector whose components are turned one by one into the columns' own
distributions. Its tables, thyroid.yaml, are aggregates of the real rows.
"""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TABLES: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
RATES: dict[str, float] = _TABLES["rates"]
"""Shares of ones in the binary columns."""
DECIMALS: dict[str, int] = _TABLES["decimals"]
QUANTILES = {name: np.array(values.split(), dtype=float) for name, values in _TABLES["quantiles"].items()}
"""Quantiles of the continuous columns at even steps from 0 to 1, in the columns' units."""


def simulate_rows(rows: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return values `(rows,)` by column.

    FTI is TT4 / (10 T4U), as most of the data's are; nobody with Sex 1 is pregnant.
    """
    from scipy.special import ndtr

    names, matrix = correlations()
    share = ndtr(rng.standard_normal((rows, len(names))) @ np.linalg.cholesky(matrix).T)
    drawn = {name: _quantile(name, share[:, number]) for number, name in enumerate(names)}
    drawn["Pregnant"] *= 1 - drawn["Sex"]
    drawn["FTI"] = np.round(drawn["TT4"] / (10 * drawn["T4U"]), DECIMALS["FTI"])
    return drawn


def correlations() -> tuple[tuple[str, ...], Array]:
    """Return the columns that are drawn, and the normal vector's correlations, a symmetric matrix in their order."""
    lines = [line.split() for line in _TABLES["correlations"].splitlines()]
    matrix = np.eye(len(lines))
    for row, (_, *values) in enumerate(lines):
        matrix[row, :row] = matrix[:row, row] = np.array(values, dtype=float)
    return tuple(name for name, *_ in lines), matrix


def _quantile(name: str, share: Array) -> Array:
    """Return the value below which a share of a column's values lies."""
    if name in RATES:
        rate = RATES[name] / (1 - RATES["Sex"]) if name == "Pregnant" else RATES[name]
        return (share > 1 - rate).astype(float)
    points = QUANTILES[name]
    return np.round(np.interp(share, np.linspace(0, 1, len(points)), points), DECIMALS[name])
