"""Generated samples as files: WFDB records, EDF, CSV and parquet tables, PNG images, npy arrays, and what they are."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.core.kind import Image, Kind, Row, Window, of_kind, places_of
from ganlab.core.schema import refuse_formulas
from ganlab.dataset.table_values import write_columns
from ganlab.exchange.edf import write_edf
from ganlab.exchange.generated import Generated
from ganlab.exchange.labels import CLASS_COMMENT, LABEL
from ganlab.exchange.parquet import write_row_parquet, write_window_parquet

GAIN = 2000
"""ADC units per mV of the WFDB records, as in the PTB database."""


Writer = Callable[[Generated, Path], int]
"""Writes to a folder; returns how many values were beyond what the format can hold."""


def write_wfdb(data: Generated, folder: Path) -> int:
    """Write one record per window, and RECORDS; a lead in another unit than mV at its own gain."""
    import wfdb

    kind = of_kind(data.kind, Window)
    channels = len(kind.leads)
    names, marks = [], [CLASS_COMMENT if name == LABEL else name for name in data.beside]
    saturated, limits = 0, np.iinfo(np.int16)
    for number, window in data.one_by_one():
        if not kind.other_unit:
            digital = np.rint(window.T.astype(np.float64) * GAIN)
            # The smallest integer of format 16 means a sample without a value.
            saturated += int(((digital <= limits.min) | (digital > limits.max)).sum())
            digital = np.clip(digital, limits.min + 1, limits.max).astype(np.int64)
            values = {"d_signal": digital, "adc_gain": [GAIN] * channels, "baseline": [0] * channels}
        else:
            values = {"p_signal": window.T.astype(np.float64)}  # wfdb chooses gain and baseline for each record
        marked = [f"{name}: {text}" for name, text in zip(marks, data.cells(number), strict=True)]
        wfdb.wrsamp(
            data.name(number),
            fs=kind.rate,
            units=[kind.unit] * channels,
            sig_name=list(kind.leads),
            fmt=["16"] * channels,
            **values,
            comments=[*data.about, f"window: {number} of {data.count}", *marked],
            write_dir=str(folder),
        )
        names.append(data.name(number))
    (folder / "RECORDS").write_text("\n".join(names) + "\n", encoding="utf-8")
    data.write_people(folder)
    return saturated


@contextmanager
def _table(data: Generated, folder: Path, names: Sequence[str]) -> Iterator[Any]:
    """Open `synthetic.csv` below a line of names; those of what stands beside the samples are the last.

    Raises UserError for a name or a class that a spreadsheet would execute.
    """
    data.refuse_formulas(names, "format=csv")
    with (folder / "synthetic.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*names, *data.beside])
        yield table


def write_window_csv(data: Generated, folder: Path) -> int:
    """Write a table with a row for each time of each window: the window's number, the time and the leads."""
    kind = of_kind(data.kind, Window)
    times = [f"{time:.10g}" for time in np.arange(kind.samples) * 1000 / kind.rate]
    with _table(data, folder, ["window", "time_ms", *(f"{lead}_{kind.unit.lower()}" for lead in kind.leads)]) as table:
        for number, window in data.one_by_one():
            columns = [np.char.mod("%.7g" if kind.other_unit else "%.4f", lead) for lead in window]
            table.writerows(zip(repeat(number), times, *columns, *map(repeat, data.cells(number))))
    return 0


def write_row_csv(data: Generated, folder: Path) -> int:
    """Write a table in the original columns, and what stands beside the rows."""
    columns = of_kind(data.kind, Row).columns
    texts = [text for column in columns for text in (column.no, column.yes, column.value or "")]
    refuse_formulas(texts, "format=csv")
    with _table(data, folder, list(places_of(columns))) as table:
        for number, row in data.one_by_one():
            values = [cells[0] for cells in write_columns(columns, row[None]).values()]
            table.writerow([*values, *data.cells(number)])
    return 0


def write_png(data: Generated, folder: Path) -> int:
    """Write one file per image, marked as synthetic in its text fields."""
    from PIL import Image as Picture
    from PIL.PngImagePlugin import PngInfo

    for number, image in data.one_by_one():
        mark = PngInfo()
        marked = [f"{name}: {text}" for name, text in zip(data.beside, data.cells(number), strict=True)]
        mark.add_text("Description", "\n".join([*data.about, *marked]))
        levels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        picture = Picture.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))
        picture.save(folder / f"{data.name(number)}.png", pnginfo=mark)
    data.write_people(folder)
    return 0


def write_npy(data: Generated, folder: Path) -> int:
    """Write all samples to one array, its axes and units to a JSON file beside it."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (data.count, *data.kind.shape)}
    # Written from front to back: a memory map of a full disk would end the process with SIGBUS.
    with (folder / "synthetic.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _, sample in data.one_by_one():
            file.write(np.ascontiguousarray(sample, "<f4").data)
    axes = json.dumps({**data.kind.axes, "about": list(data.about)}, indent=1)
    (folder / "synthetic.json").write_text(axes, encoding="utf-8")
    data.write_people(folder)
    return 0


FORMATS: dict[type[Kind], dict[str, tuple[Writer, float]]] = {
    Window: {
        "wfdb": (write_wfdb, 2),
        "csv": (write_window_csv, 7),
        "npy": (write_npy, 4),
        "edf": (write_edf, 2),
        "parquet": (write_window_parquet, 4),
    },
    Row: {"csv": (write_row_csv, 2), "npy": (write_npy, 4), "parquet": (write_row_parquet, 2)},
    Image: {"png": (write_png, 0.1), "npy": (write_npy, 4)},
}
"""For each kind of sample its formats, the usual one first: the writer, and the fewest bytes of a value."""
