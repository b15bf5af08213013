"""Simulated people with the columns, distributions and correlations of the thyroid data's class 3: no download.

The tables below are aggregates of the 6,502 rows of class 3 within the limits of the thesis' Table 6.1 (UCI
ann-thyroid, CC BY 4.0): no row of the data is in them. Rows are drawn by a Gaussian copula, a normal vector whose
components are turned one by one into the columns' own distributions.
"""

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.dataset.table import Columns, Entries, TableSource
from ganlab.dataset.thyroid import refuse_unknown

QUANTILES = {
    "Age": """
    0.01 0.17 0.21 0.23 0.25 0.27 0.29 0.31 0.33 0.35 0.37 0.38 0.4 0.42 0.44 0.46 0.47 0.49 0.51 0.53 0.54 0.56 0.57
    0.58 0.59 0.61 0.62 0.63 0.65 0.66 0.67 0.69 0.7 0.72 0.73 0.74 0.76 0.77 0.79 0.83 0.97
    """,
    "TSH": """
    0 2e-05 4e-05 6e-05 0.0001 0.00019 0.00025 0.00032 0.00046 0.00057 0.00066 0.00075 0.00084 0.00093 0.001 0.0011
    0.0012 0.0013 0.0014 0.0014 0.0015 0.0016 0.0017 0.0018 0.00189 0.00189 0.0019 0.002 0.00208 0.0023 0.00232 0.0024
    0.0026 0.0028 0.003 0.0032 0.0036 0.0041 0.0048 0.0057 0.02
    """,
    "T3": """
    0.002 0.008 0.01 0.012 0.013 0.014 0.015 0.016 0.016 0.017 0.018 0.018 0.019 0.019 0.02 0.02 0.0201 0.0201 0.0201
    0.0201 0.0201 0.0201 0.0201 0.0201 0.0206 0.0206 0.0206 0.0206 0.0208 0.0208 0.022 0.022 0.023 0.024 0.024 0.025
    0.026 0.028 0.03 0.034 0.05
    """,
    "TT4": """
    0.017 0.06 0.069 0.074 0.077 0.08 0.083 0.086 0.088 0.09 0.091 0.093 0.095 0.096 0.098 0.1 0.101 0.103 0.104 0.106
    0.108 0.11 0.11118 0.11118 0.113 0.114 0.116 0.118 0.121 0.123 0.126 0.129 0.132 0.135 0.139 0.144 0.15 0.158 0.166
    0.183 0.27
    """,
    "T4U": """
    0.041 0.065 0.072 0.075 0.077 0.08 0.081 0.083 0.085 0.086 0.087 0.088 0.089 0.09 0.091 0.093 0.094 0.095 0.096
    0.096 0.096 0.097 0.098 0.099 0.099 0.099 0.1 0.101 0.103 0.104 0.104 0.107 0.108 0.11 0.112 0.114 0.116 0.121 0.128
    0.144 0.18
    """,
}
"""Of the continuous columns, 2.5 % apart, in the columns' units. FTI follows from TT4 and T4U."""

RATES = {
    "Sex": 0.3156,
    "On_thyroxine": 0.1361,
    "Query_on_thyroxine": 0.0157,
    "On_antithyroid_medication": 0.0123,
    "Sick": 0.0397,
    "Pregnant": 0.0097,
    "Thyroid_surgery": 0.014,
    "I131_treatment": 0.0158,
    "Query_hypothyroid": 0.0581,
    "Query_hyperthyroid": 0.0663,
    "Lithium": 0.0131,
    "Goitre": 0.0091,
    "Tumor": 0.0255,
    "Hypopituitary": 0.0002,
    "Psych": 0.0523,
}
"""Shares of ones in the binary columns."""

CORRELATIONS = """
Age
Sex                       0
On_thyroxine              0 -0.24
Query_on_thyroxine        0 0.23 0
On_antithyroid_medication -0.19 -0.17 0 0
Sick                      0.19 0 -0.24 0 0
Pregnant                  -0.38 -0.02 0 0 0.23 0
Thyroid_surgery           0 -0.19 0 0 0 0 0
I131_treatment            0.23 0 0.27 0 0 0 0 0
Query_hypothyroid         0.09 -0.18 0.3 0 0 0 0 0 0.25
Query_hyperthyroid        -0.06 -0.17 0 0 0.37 0 0.33 0 0.21 0
Lithium                   -0.12 0 0 0 0 0 0 0 0 0 0
Goitre                    -0.23 0 0 0 0 0 0.28 0 0 0 0 0
Tumor                     -0.13 -0.31 0 0 0 0 0.44 0 0 -0.27 0 0 0
Hypopituitary             0 0 0 0 0 0 0 0 0 0 0 0 0 0
Psych                     -0.21 0.28 -0.31 0 0 -0.32 -0.02 0 0 -0.18 -0.48 0.29 0 0 0
TSH                       0 -0.05 0.1 0 0 0 -0.26 0.15 0 0.16 -0.16 0.12 0 -0.23 0 0
T3                        -0.25 -0.06 0 0 0.31 -0.16 0.47 0 0.08 -0.09 0.25 0 0 0.24 0 0.09 -0.14
TT4                       -0.04 -0.27 0.37 -0.1 0 -0.09 0.38 0 0 0.04 0.13 -0.18 0 0.13 0 0 -0.25 0.38
T4U                       -0.17 -0.29 0.08 -0.14 0.15 0 0.7 0 0 0 0.12 0 0.16 0.2 0 -0.03 0.04 0.41 0.49
"""
"""Of the normal vector: each component with those before it. They give the rows the correlations of the real ones."""

DECIMALS = {"Age": 2, "TSH": 5, "T3": 4, "TT4": 4, "T4U": 3, "FTI": 4}
ROUNDS = 20
"""Times that `rows` rows are drawn to find as many within the limits."""


class ThyroidSim(TableSource):
    """`rows` simulated people within the limits of `columns`, a row each."""

    name = "thyroid_sim"
    simulated = True

    def __init__(self, columns: Columns, rows: int = 6502, seed: int = 0, on_bad_record: str = "error") -> None:
        super().__init__(columns, on_bad_record)
        if rows < 1:
            raise UserError(f"dataset.rows={rows}: accepted is 1 or more.")
        refuse_unknown(self.columns)
        self.rows = rows
        self.seed = seed

    def entries(self) -> Entries:
        """Simulate. Raises UserError where the limits leave hardly a row."""
        values = self._values()
        names = np.array([f"sim{number:0{len(str(self.rows))}d}" for number in range(1, self.rows + 1)])
        return Entries(values, names, names, np.zeros(self.rows, dtype=np.int64))

    def _values(self) -> NDArray[np.float64]:
        rng = np.random.default_rng(self.seed)
        found = np.empty((0, len(self.columns)))
        for _ in range(ROUNDS):
            drawn = simulate_rows(self.rows, rng)
            values = np.stack([drawn[column.name] for column in self.columns], axis=1)
            found = np.concatenate([found, values[self._inside(values)[0]]])
            if len(found) >= self.rows:
                return found[: self.rows]
        raise UserError(
            f"{self.name}: {len(found)} of {ROUNDS * self.rows} simulated rows are within the limits of "
            f"dataset.columns, wanted are {self.rows}: widen them, or dataset.rows=<fewer>."
        )


def simulate_rows(rows: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Values `(rows,)` by column. FTI is TT4 / (10 T4U), as most of the data's are; nobody with Sex 1 is pregnant."""
    from scipy.special import ndtr

    names, matrix = correlations()
    share = ndtr(rng.standard_normal((rows, len(names))) @ np.linalg.cholesky(matrix).T)
    drawn = {name: _quantile(name, share[:, number]) for number, name in enumerate(names)}
    drawn["Pregnant"] *= 1 - drawn["Sex"]
    drawn["FTI"] = np.round(drawn["TT4"] / (10 * drawn["T4U"]), DECIMALS["FTI"])
    return drawn


def correlations() -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The columns that are drawn, and the correlations of the normal vector, a symmetric matrix in their order."""
    lines = [line.split() for line in CORRELATIONS.strip().splitlines()]
    matrix = np.eye(len(lines))
    for row, (_, *values) in enumerate(lines):
        matrix[row, :row] = matrix[:row, row] = np.array(values, dtype=float)
    return tuple(name for name, *_ in lines), matrix


def _quantile(name: str, share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value below which a share of a column's values lies."""
    if name in RATES:
        rate = RATES[name] / (1 - RATES["Sex"]) if name == "Pregnant" else RATES[name]
        return (share > 1 - rate).astype(float)
    points = np.array(QUANTILES[name].split(), dtype=float)
    return np.round(np.interp(share, np.linspace(0, 1, len(points)), points), DECIMALS[name])
