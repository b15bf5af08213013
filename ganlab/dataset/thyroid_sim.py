"""Simulated patients with the columns of the thyroid data, distributed as its class 3: no download."""

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.dataset.table import Columns, TableSource
from ganlab.dataset.table_lines import Entries
from ganlab.dataset.thyroid import refuse_unknown
from ganlab.simulator.thyroid import simulate_rows

ROUNDS = 20
"""Times that `rows` rows are drawn until as many are within the limits."""


class ThyroidSim(TableSource):
    """`rows` simulated patients within the limits of `columns`, a row each."""

    name = "thyroid_sim"
    simulated = True

    def __init__(
        self,
        columns: Columns,
        rows: int = 6502,
        seed: int = 0,
        on_bad_record: str = "error",
        target: str | None = "Sex",
    ) -> None:
        super().__init__(columns, on_bad_record, target=target)
        if rows < 1:
            raise UserError(f"dataset.rows={rows}: accepted is 1 or more.")
        refuse_unknown(self.columns)
        self.rows = rows
        self.seed = seed

    def entries(self) -> Entries:
        """Return simulated rows. Raises UserError where the limits leave hardly a row."""
        values = self._values()
        names = np.array([f"sim{number:0{len(str(self.rows))}d}" for number in range(1, self.rows + 1)])
        return Entries(values, names, names, np.zeros(self.rows, dtype=np.int64))

    def _values(self) -> NDArray[np.float64]:
        rng = np.random.default_rng(self.seed)
        kept = np.empty((0, len(self.columns)))
        for _ in range(ROUNDS):
            drawn = simulate_rows(self.rows, rng)
            values = np.stack([drawn[column.name] for column in self.columns], axis=1)
            kept = np.concatenate([kept, values[self._inside(values)[0]]])
            if len(kept) >= self.rows:
                return kept[: self.rows]
        raise UserError(
            f"{self.name}: {len(kept)} of {ROUNDS * self.rows} simulated rows are within the limits of "
            f"dataset.columns, expected are {self.rows}: widen them, or dataset.rows=<fewer>."
        )
