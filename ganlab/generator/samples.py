"""Generated samples in their own unit, and what is made of them: a picture, a table, WFDB records."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from PIL import Image as Pictures

from ganlab.core.errors import UserError, file_errors
from ganlab.core.files import whole_folder
from ganlab.core.kind import Array, Image, Kind, Row, Window
from ganlab.core.names import first_few
from ganlab.core.values import check_whole
from ganlab.core.words import counted
from ganlab.dataset.table_values import write_columns
from ganlab.exchange.card import NOTICE
from ganlab.exchange.labels import LABEL
from ganlab.exchange.writers import Generated, write_wfdb
from ganlab.plot.ecg_paper import draw_windows
from ganlab.plot.figure import INK, dress, panels
from ganlab.plot.images import draw_grid, pixels
from ganlab.plot.traces import draw_traces
from ganlab.plot.twelve_leads import draw_twelve, is_twelve

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

Drawing = Figure | Pictures.Image

DRAWN = 6
"""Samples of a plot."""


@dataclass(frozen=True, repr=False)
class SyntheticSamples:
    """N generated samples in their own unit: `values` are windows `(N, leads, samples)`, rows or images.

    `labels` are the names of their classes, empty where the generator knows none; `about` says what they are.
    `attributes` are the values of each `(N,)` by name and unit.
    """

    values: Array
    kind: Kind
    labels: Sequence[str] = ()
    about: Sequence[str] = field(default=(NOTICE,))
    attributes: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"<{counted(len(self), f'synthetic {self.kind.noun}')}: {shape_of(self.kind)}>"

    def plot(self, count: int = DRAWN) -> Drawing:
        """Return a picture of the first `count` samples: windows on ECG paper, distributions of rows, or images."""
        check_whole("count", count)
        return _plot(self.kind, self.values[:count])

    def to_dataframe(self) -> "pd.DataFrame":
        """Return a table: of windows a line for each time, with `window` and `time_ms`; of rows their own columns.

        Raises UserError for images, whose levels are in `values`.
        """
        table = _table(self.kind, self.values)
        labels = {LABEL: np.array(self.labels, object)} if self.labels else {}
        for name, column in (labels | dict(self.attributes)).items():
            table[name] = np.repeat(column, len(table) // len(self))
        return table

    def to_wfdb(self, folder: str | Path) -> Path:
        """Write one WFDB record for each window to a new folder, marked as synthetic, and return the folder.

        Raises UserError for rows and images, and for a folder that holds something.
        """
        if not isinstance(self.kind, Window):
            raise UserError(f"to_wfdb: WFDB records hold windows, and these are {self.kind.noun}s: to_dataframe().")
        classes = sorted({*self.labels})
        data = Generated(self.kind, iter([self.values]), len(self), self.about, classes, self.labels, self.attributes)
        with file_errors("folder", folder), whole_folder(Path(folder)) as unfinished:
            saturated = write_wfdb(data, unfinished)
        if saturated:
            log.warning("%d values are beyond the range of the file format and were cut", saturated)
        return Path(folder)


def shape_of(kind: Kind) -> str:
    """Return a kind as a few words."""
    if isinstance(kind, Window):
        return f"{kind.samples / kind.rate:.4g} s of {first_few(kind.leads)} in {kind.unit} at {kind.rate:g} Hz"
    return f"{len(kind.parts)} columns" if isinstance(kind, Row) else " x ".join(map(str, kind.shape))


@singledispatch
def _plot(kind: Kind, values: Array) -> Drawing:
    """Return a picture of samples of a kind."""
    raise TypeError(f"No picture can be drawn of {kind!r}.")


@_plot.register
def _plot_windows(kind: Window, values: Array) -> Figure:
    columns = 2 if kind.samples / kind.rate <= 4 else 1
    if kind.other_unit:
        return draw_traces(values, kind, columns, [str(number + 1) for number in range(len(values))], NOTICE)
    if is_twelve(kind.leads):
        return draw_twelve(values, leads=kind.leads, rate=kind.rate, note=NOTICE)
    return draw_windows(values, leads=kind.leads, rate=kind.rate, columns=columns, note=NOTICE, center=True)


@_plot.register
def _plot_rows(kind: Row, values: Array) -> Figure:
    figure, axes = panels(len(kind.columns), 4, 1.6)
    for place, (panel, column) in enumerate(zip(axes, kind.columns, strict=True)):
        panel.hist(values[:, place], bins=20, color=INK)
        dress(panel, column.name)
    return figure


@_plot.register
def _plot_images(kind: Image, values: Array) -> Pictures.Image:
    return Pictures.fromarray(draw_grid(pixels(values)))


@singledispatch
def _table(kind: Kind, values: Array) -> "pd.DataFrame":
    """Return samples of a kind as a table."""
    raise UserError(f"to_dataframe: {kind.noun}s are not a table; their levels are in .values.")


@_table.register(Window)
def _table_of_windows(kind: Window, values: Array) -> "pd.DataFrame":
    import pandas as pd

    count, leads, samples = values.shape
    table = pd.DataFrame(values.transpose(0, 2, 1).reshape(-1, leads), columns=list(kind.leads))
    table.insert(0, "time_ms", np.tile(np.arange(samples) * 1000 / kind.rate, count))
    table.insert(0, "window", np.repeat(np.arange(1, count + 1), samples))
    return table


@_table.register(Row)
def _table_of_rows(kind: Row, values: Array) -> "pd.DataFrame":
    import pandas as pd

    table = pd.DataFrame(write_columns(kind.columns, values))
    for name in table:
        with suppress(ValueError):
            table[name] = pd.to_numeric(table[name])
    return table
