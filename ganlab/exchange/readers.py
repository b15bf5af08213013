"""Synthetic samples of any tool, read back in the units of the real ones: WFDB records, arrays, tables, images.

Files of ours say what they hold (`ganlab.exchange.writers`); of others it can be said: leads, rate, unit.
"""

import csv
import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ganlab.core.errors import BadRecord, UserError, file_errors
from ganlab.core.kind import Image, Kind, Row, Window
from ganlab.core.record import millivolts
from ganlab.dataset.image_files import Folder, Store, Zip, decode
from ganlab.dataset.table import read_text
from ganlab.dataset.wfdb import MILLIVOLTS_IN, WFDB
from ganlab.metrics.base import Array

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

Values = Array | Sequence[Array]
"""An array a sample: all of one shape, or recordings of any length."""

SHOWN = 5
BLOCK = 256
"""Samples of an array that are looked at together."""
PLAUSIBLE_MV = (0.02, 30.0)
"""Range of a window, mV; beyond it the unit is doubtful."""
RATE_HZ = 1000.0
"""Of arrays that do not say theirs: the PTB database's."""


@dataclass(frozen=True)
class Asked:
    """What a sample of the real data is, the names of its classes, and what the user said of the synthetic ones.

    `leads` names those of an array, or picks some of files that name theirs; `rate` is in Hz; `unit` is that of the
    values of an array of windows; `on_bad`, error or skip, is about samples that cannot be used.
    """

    kind: Kind
    classes: Sequence[str] = ()
    leads: Sequence[str] | None = None
    rate: float | None = None
    unit: str | None = None
    on_bad: str = "error"


@dataclass(frozen=True)
class Synthetic:
    """Samples as they were read: `values` holds an array a sample, those of windows `(leads, samples)` in mV.

    The lengths of recordings may differ; `kind` says the leads and the rate. `labels` are indices of classes.
    """

    kind: Kind
    values: Values
    labels: NDArray[np.int64] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


Reader = Callable[[Path, Asked], "Synthetic"]


def read(path: Path, asked: Asked) -> Synthetic:
    """All samples of a file or folder, finite ones only, with what is to be said of them.

    Raises UserError for a path where nothing of the kind lies, and for what cannot be used unless it is skipped.
    """
    if asked.on_bad not in ("error", "skip"):
        raise UserError(f"on_bad={asked.on_bad}: accepted are error and skip.")
    with file_errors("synthetic", path):
        if not (path.is_file() or path.is_dir()):
            raise UserError(f"synthetic={path}: no such file or folder. {_accepted(asked.kind)}")
        file = _sole_file(path)
        found = _reader(file, asked.kind)(file, asked)
    found = _finite(file, found, asked.on_bad)
    if not len(found.values):
        raise UserError(f"synthetic={file} holds no {asked.kind.noun} that can be used.")
    _doubt_unit(file, found)
    return replace(found, facts={**found.facts, "sha256": _digest(found)})


def _sole_file(path: Path) -> Path:
    """The one array or table that `ganlab.sample` wrote into a folder, or the path itself."""
    ours = [path / name for name in ("synthetic.npy", "synthetic.csv") if (path / name).is_file()]
    if len(ours) > 1:
        raise UserError(f"synthetic={path} holds {' and '.join(file.name for file in ours)}: name the file itself.")
    return ours[0] if ours else path


def _reader(path: Path, kind: Kind) -> Reader:
    suffix = path.suffix.lower()
    readers: Mapping[str, Reader] = {
        Window: {".npy": _windows_npy, ".csv": _windows_csv, "folder": _wfdb},
        Row: {".npy": _rows_npy, ".csv": _rows_csv},
        Image: {".npy": _images_npy, ".zip": _images, "folder": _images},
    }[type(kind)]
    reader = readers.get("folder" if path.is_dir() else suffix)
    if reader is None:
        raise UserError(f"synthetic={path}: not known as a set of {kind.noun}s. {_accepted(kind)}")
    return reader


def _accepted(kind: Kind) -> str:
    return (
        "Accepted are a run folder, and "
        + {
            Window: "a folder of WFDB records, an .npy array (windows, leads, samples), a .csv file (ganlab.sample).",
            Row: "a .csv file with the data set's columns, an .npy array (rows, columns).",
            Image: "a folder or zip of PNG or JPEG files, an .npy array (images, channels, height, width) of levels.",
        }[type(kind)]
    )


# Windows


class _Records(WFDB):
    """WFDB records of somebody's generator: the comments may name a class, nobody stands behind them."""

    def ways_on(self) -> str:
        return "synthetic=<folder with WFDB records>."

    def about(self, name: str, comments: Sequence[str]) -> tuple[str, str, int]:
        named = [comment.partition(":")[2].strip() for comment in comments if comment.strip().startswith("class:")]
        return name, named[0] if named else "", 0


def _wfdb(path: Path, asked: Asked) -> Synthetic:
    rate = _first_rate(path)
    records = _Records(path, rate, name=path.name)
    values, names, classes, bad, leads = [], [], [], [], _lower(asked.leads)
    for name in tqdm(records.names(), desc="reading records", unit="record", disable=None):
        try:
            record, digital = records.read(name)
        except BadRecord as error:
            bad.append(str(error))
            continue
        leads = leads or record.leads
        _refuse_missing_leads(f"{path / name}.hea", leads, record.leads)
        order = [record.leads.index(lead) for lead in leads]
        values.append(millivolts(digital[order], np.array(record.gain)[order], np.array(record.baseline)[order]))
        names.append(name)
        classes.append(record.diagnosis)
    _refuse_or_count(path, bad, asked.on_bad)
    _refuse_other("rate", asked.rate, rate, path)
    if not values:
        raise UserError(f"synthetic={path}: none of its {len(bad)} records can be read. The first: {bad[0]}")
    if not any(classes):
        classes = _from_labels_csv(path / "labels.csv", names)
    facts = {"format": "WFDB records", "read": len(values), "unreadable": len(bad)}
    kind = Window(tuple(leads or ()), rate, min(each.shape[-1] for each in values))
    return Synthetic(kind, values, _labels(path, classes, asked.classes), facts)


def _first_rate(path: Path) -> float:
    import wfdb

    names = _Records(path, RATE_HZ, name=path.name).names()
    try:
        return float(wfdb.rdheader(str(path / names[0])).fs)
    except Exception as error:
        raise UserError(f"synthetic={path}: the header of {names[0]} cannot be read ({error}).") from error


def _windows_npy(path: Path, asked: Asked) -> Synthetic:
    assert isinstance(asked.kind, Window)
    values, said = _array(path, (2, 3)), _beside(path)
    values = values[:, None] if values.ndim == 2 else values
    named = _lower(said.get("leads"))
    axis = named or _lower(asked.leads) or asked.kind.leads
    if len(axis) != values.shape[1]:
        raise UserError(
            f"{path} has shape {values.shape}: {values.shape[1]} leads, and {len(axis)} are named: {', '.join(axis)}. "
            "Accepted is an array (windows, leads, samples); name its leads in their order: leads=[i,ii]."
        )
    leads = _lower(asked.leads) or axis
    _refuse_missing_leads(path, leads, axis)
    _refuse_other("rate", asked.rate, said.get("rate_hz"), path)
    _refuse_other("unit", asked.unit, said.get("unit"), path)
    rate = _positive(path, "rate", said.get("rate_hz") or asked.rate or RATE_HZ)
    factor = _millivolts_in(path, said.get("unit") or asked.unit or "mV")
    order = [axis.index(lead) for lead in leads]
    facts = {"format": "npy array", "read": len(values), "rate_assumed": not (said.get("rate_hz") or asked.rate)}
    if facts["rate_assumed"]:
        log.warning("%s does not say its rate; %g Hz are assumed (rate=...)", path, rate)
    kind = Window(tuple(leads), rate, values.shape[-1])
    labels = _labels(path, _from_labels_csv(path.parent / "labels.csv", len(values)), asked.classes)
    return Synthetic(kind, _Scaled(values, order, factor), labels, facts)


@dataclass(frozen=True)
class _Scaled(Sequence[Array]):
    """Windows of a memory-mapped array: some leads, in mV, read when they are asked for."""

    array: Array
    leads: list[int]
    factor: float
    rows: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.array) if self.rows is None else len(self.rows)

    def __getitem__(self, number: Any) -> Any:
        row = number if self.rows is None else self.rows[number]
        return np.asarray(self.array[row][self.leads], np.float32) * np.float32(self.factor)


def _windows_csv(path: Path, asked: Asked) -> Synthetic:
    table = _table(path)
    there = [str(column) for column in table.columns]
    named = tuple(column.removesuffix("_mv").lower() for column in there if column.endswith("_mv"))
    if "window" not in there or not named:
        raise UserError(
            f"{path}: its columns are {', '.join(there[:SHOWN])}. Accepted are window, time_ms, and <lead>_mv for each "
            "lead, a row a sample, as ganlab.sample format=csv writes."
        )
    leads = _lower(asked.leads) or named
    _refuse_missing_leads(path, leads, named)
    columns = [next(c for c in there if c.lower() == f"{lead}_mv") for lead in leads]
    _refuse_text(path, table, columns)
    names = table["window"].astype(str).to_numpy()
    starts = np.flatnonzero(names != np.concatenate([[""], names[:-1]])) if len(names) else np.empty(0, np.int64)
    values = np.split(table[columns].to_numpy(np.float32).T, starts[1:], axis=1) if len(table) else []
    rate = _rate_of_csv(path, table, starts, asked)
    classes = [str(name) for name in table["label"].to_numpy()[starts]] if "label" in there else []
    kind = Window(tuple(leads), rate, min((each.shape[-1] for each in values), default=0))
    return Synthetic(kind, values, _labels(path, classes, asked.classes), {"format": "CSV", "read": len(values)})


def _rate_of_csv(path: Path, table: "pd.DataFrame", starts: NDArray[np.int64], asked: Asked) -> float:
    """In Hz, of the first window's times; as asked where there is no time."""
    if "time_ms" not in table:
        return _positive(path, "rate", asked.rate or RATE_HZ)
    _refuse_text(path, table, ["time_ms"])
    times = table["time_ms"].to_numpy()[: starts[1] if len(starts) > 1 else None]
    span = float(times[-1] - times[0]) if len(times) > 1 else 0.0
    if not span > 0:
        raise UserError(f"{path}: time_ms of the first window does not rise; accepted are milliseconds.")
    rate = round((len(times) - 1) * 1000 / span, 3)
    _refuse_other("rate", asked.rate, rate, path)
    return rate


# Rows


def _rows_csv(path: Path, asked: Asked) -> Synthetic:
    assert isinstance(asked.kind, Row)
    table, names = _table(path), [column.name for column in asked.kind.columns]
    there = [str(column) for column in table.columns]
    if lacking := [name for name in names if name not in there]:
        raise UserError(
            f"{path}: no column {', '.join(lacking[:SHOWN])}; it has {', '.join(there[: 4 * SHOWN])}. The first line "
            "must name every column of the data set."
        )
    extra = [name for name in there if name not in (*names, "label")]
    if extra:
        log.warning("%s: %d column(s) are not of the data set and are left out: %s", path, len(extra), extra[:SHOWN])
    _refuse_text(path, table, names)
    classes = [str(name) for name in table["label"]] if "label" in there and "label" not in names else []
    facts = {"format": "CSV", "read": len(table), "columns_left_out": extra}
    values = table[names].to_numpy(np.float32)
    return Synthetic(asked.kind, values, _labels(path, classes, asked.classes), facts)


def _rows_npy(path: Path, asked: Asked) -> Synthetic:
    assert isinstance(asked.kind, Row)
    values, names = _array(path, (2,)), [column.name for column in asked.kind.columns]
    axis = list(_beside(path).get("columns", names))
    if lacking := [name for name in names if name not in axis]:
        raise UserError(f"{path.with_suffix('.json')}: no column {', '.join(lacking[:SHOWN])}; it names {axis}.")
    if values.shape[1] != len(axis):
        raise UserError(
            f"{path} has shape {values.shape}; accepted is (rows, {len(axis)}), the columns in the order of the data "
            f"set: {', '.join(axis)}."
        )
    values = np.asarray(values[:, [axis.index(name) for name in names]], np.float32)
    labels = _labels(path, _from_labels_csv(path.parent / "labels.csv", len(values)), asked.classes)
    return Synthetic(asked.kind, values, labels, {"format": "npy array", "read": len(values)})


# Images


def _images(path: Path, asked: Asked) -> Synthetic:
    import PIL.Image

    assert isinstance(asked.kind, Image)
    channels, height, width = asked.kind.shape
    store: Store = Folder(path) if path.is_dir() else Zip(path)
    if not store.names:
        raise UserError(f"synthetic={path}: no image in it. {_accepted(asked.kind)}")
    values, names, bad, resized = [], [], [], 0
    for name in tqdm(store.names, desc="reading images", unit="image", disable=None):
        try:
            image = decode(name, store.read(name), channels)
        except BadRecord as error:
            bad.append(str(error))
            continue
        resized += image.size != (width, height)
        levels = np.asarray(image.resize((width, height), PIL.Image.Resampling.BILINEAR), np.float32)
        values.append(levels.reshape(height, width, channels).transpose(2, 0, 1))
        names.append(name)
    _refuse_or_count(path, bad, asked.on_bad)
    if resized:
        log.warning("%s: %d image(s) resized to %d x %d pixels", path, resized, width, height)
    beside = (path if path.is_dir() else path.parent) / "labels.csv"
    labels = _labels(path, _from_labels_csv(beside, names), asked.classes)
    facts = {"format": "image files", "read": len(values), "unreadable": len(bad), "resized": resized}
    return Synthetic(asked.kind, values, labels, facts)


def _images_npy(path: Path, asked: Asked) -> Synthetic:
    assert isinstance(asked.kind, Image)
    values = _array(path, (3, 4))
    values = values[:, None] if values.ndim == 3 else values
    if values.shape[1:] != asked.kind.shape:
        raise UserError(f"{path} has shape {values.shape}; accepted is (images, *{asked.kind.shape}).")
    lowest, highest = float(np.nanmin(values)), float(np.nanmax(values))
    if lowest < 0 or highest > 255 or highest <= 1:
        raise UserError(f"{path}: values from {lowest:g} to {highest:g}; accepted are levels 0..255.")
    labels = _labels(path, _from_labels_csv(path.parent / "labels.csv", len(values)), asked.classes)
    return Synthetic(asked.kind, values.astype(np.float32), labels, {"format": "npy array", "read": len(values)})


# What they share


def _array(path: Path, dimensions: tuple[int, ...]) -> Array:
    """A memory-mapped array of numbers; nothing that would have to be unpickled."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # numpy reads a header as Python, whose own errors come out too.
        raise UserError(f"{path} is no npy array of numbers ({type(error).__name__}: {error}).") from error
    if values.ndim not in dimensions or not np.issubdtype(values.dtype, np.number) or values.dtype.kind == "c":
        wanted = " or ".join(map(str, dimensions))
        raise UserError(f"{path}: {values.dtype} of shape {values.shape}; accepted are real numbers in {wanted} axes.")
    if not values.size:
        raise UserError(f"{path} has shape {values.shape}: there is nothing in it.")
    return values


def _beside(path: Path) -> dict[str, Any]:
    """What the JSON file beside an array says; nothing where there is none."""
    file = path.with_suffix(".json")
    if not file.is_file():
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file} is no JSON ({error}).") from error
    if not isinstance(said, dict):
        raise UserError(f'{file}: accepted is an object such as {{"leads": ["i"], "rate_hz": 1000, "unit": "mV"}}.')
    return said


def _table(path: Path) -> "pd.DataFrame":
    """A CSV file whose first lines may be comments."""
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig") as lines:
            comments = next((number for number, line in enumerate(lines) if not line.startswith("#")), 0)
        return pd.read_csv(path, skiprows=comments, encoding="utf-8-sig", skipinitialspace=True, dtype={"label": str})
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no CSV file with a line of names ({error}).") from error


def _refuse_text(path: Path, table: "pd.DataFrame", columns: Iterable[str]) -> None:
    for column in columns:
        if not np.issubdtype(table[column].to_numpy().dtype, np.number):
            raise UserError(f"{path}: column {column} holds what is no number, such as {table[column].iloc[0]!r}.")


def _from_labels_csv(file: Path, names: Sequence[str] | int) -> list[str]:
    """Classes by name, with or without a suffix, or in order where only the count is known; none without a file."""
    if not file.is_file():
        return []
    reader = csv.DictReader(io.StringIO(read_text(file), newline=""))
    try:
        if missing := {"name", "label"} - set(reader.fieldnames or ()):
            raise UserError(f"{file}: no column {', '.join(sorted(missing))}; accepted are name and label.")
        rows = [(row["name"], row["label"]) for row in reader]
    except csv.Error as error:
        raise UserError(f"{file}:{reader.line_num} is not CSV: {error}.") from error
    if isinstance(names, int):
        if len(rows) != names:
            raise UserError(f"{file} has {len(rows)} labels for {names} samples; accepted is one for each, in order.")
        return [label for _, label in rows]
    known = dict(rows)
    found = [known.get(name, known.get(str(PurePosixPath(name).with_suffix("")))) for name in names]
    if lacking := [name for name, label in zip(names, found, strict=True) if label is None]:
        raise UserError(f"{file}: no label for {len(lacking)} of {len(names)} names, such as {lacking[0]}.")
    return [label for label in found if label is not None]


def _labels(path: Path, names: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64] | None:
    """Indices of classes; None where the samples have none, or the real data."""
    if not names:
        return None
    if not classes:
        log.warning("%s: its labels are not used: the data set has no classes", path)
        return None
    if unknown := sorted(set(names) - set(classes)):
        raise UserError(
            f"{path}: label {', '.join(map(repr, unknown[:SHOWN]))} is no class of the data set; accepted are "
            f"{', '.join(classes)}."
        )
    return np.array([list(classes).index(name) for name in names], dtype=np.int64)


def _finite(path: Path, found: Synthetic, on_bad: str) -> Synthetic:
    """Without the samples that hold NaN or infinity. Raises UserError where they are not to be skipped."""
    whole = np.array([bool(np.isfinite(sample).all()) for sample in found.values])
    bad = int((~whole).sum())
    if bad:
        _refuse_or_count(path, [f"{found.kind.noun} {n} holds NaN or infinity" for n in np.flatnonzero(~whole)], on_bad)
        found = taken(found, np.flatnonzero(whole))
    return replace(found, facts={**found.facts, "not_finite": bad})


def taken(found: Synthetic, rows: NDArray[np.int64]) -> Synthetic:
    """Some of the samples, with their labels."""
    labels = None if found.labels is None else found.labels[rows]
    values: Values
    if isinstance(found.values, np.ndarray):
        values = found.values[rows]
    elif isinstance(found.values, _Scaled):
        values = replace(found.values, rows=rows if found.values.rows is None else found.values.rows[rows])
    else:
        values = [found.values[row] for row in rows]
    return replace(found, values=values, labels=labels)


def _refuse_or_count(path: Path, bad: Sequence[str], on_bad: str) -> None:
    if not bad:
        return
    more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    said = f"synthetic={path}: {len(bad)} cannot be used: {'; '.join(bad[:SHOWN])}{more}."
    if on_bad == "error":
        raise UserError(f"{said} on_bad=skip leaves them out and counts them.")
    log.warning("%s They are left out.", said)


def _refuse_missing_leads(where: object, leads: Sequence[str], there: Sequence[str]) -> None:
    if lacking := [lead for lead in leads if lead not in there]:
        raise UserError(
            f"{where}: no lead {', '.join(lacking)}; it has {', '.join(there)}. Another choice: leads=[...]."
        )


def _refuse_other(name: str, asked: object, said: object, path: Path) -> None:
    """Of what the file says nobody else says otherwise."""
    if asked is not None and said is not None and asked != said:
        raise UserError(f"{name}={asked}: {path} says {said}. Leave {name} out, or mend the file.")


def _positive(path: Path, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
        raise UserError(f"{path}: {name} {value!r}; accepted is a number of Hz above 0.")
    return float(value)


def _millivolts_in(path: Path, unit: str) -> float:
    if unit not in MILLIVOLTS_IN:
        raise UserError(f"{path}: unit {unit}; accepted are {', '.join(MILLIVOLTS_IN)}: unit=uV.")
    return MILLIVOLTS_IN[unit]


def _doubt_unit(path: Path, found: Synthetic) -> None:
    """Warn where windows are far smaller or larger than any ECG."""
    if isinstance(found.kind, Window):
        some = [found.values[int(k)] for k in np.linspace(0, len(found.values) - 1, min(len(found.values), 100))]
        range_mv = float(np.median([np.ptp(window, axis=-1).max() for window in some]))
        if not PLAUSIBLE_MV[0] <= range_mv <= PLAUSIBLE_MV[1]:
            log.warning("%s: half of the windows range over more than %.3g mV: is the unit right?", path, range_mv)


def _lower(leads: Sequence[str] | None) -> tuple[str, ...] | None:
    return tuple(str(lead).lower() for lead in leads) if leads else None


def _digest(found: Synthetic) -> str:
    """Of the values in their order, and of the labels."""
    digest = hashlib.sha256(repr((found.kind, len(found.values))).encode())
    for sample in _each(found.values):
        digest.update(np.ascontiguousarray(sample, np.float32).data)
    digest.update(b"" if found.labels is None else found.labels.tobytes())
    return digest.hexdigest()


def _each(values: Values) -> Iterator[Array]:
    return (values[number] for number in range(len(values)))
