"""Synthetic samples of any tool, read in the units of the real ones: WFDB and EDF, arrays, tables, images.

Files that ganlab wrote say what they hold (`ganlab.exchange.writers`); for others the user says it: leads, rate, unit.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ganlab.core.errors import UserError, file_errors
from ganlab.core.kind import Image, Kind, Row, Window
from ganlab.exchange.card import refuse_unfinished
from ganlab.exchange.edf import edf_files, read_edf
from ganlab.exchange.images import read_array_of_images, read_image_files
from ganlab.exchange.parquet import read_row_parquet, read_window_parquet
from ganlab.exchange.rows import read_array_of_rows, read_table_of_rows
from ganlab.exchange.synthetic import Reader, Request, Synthetic, refuse_or_count
from ganlab.exchange.windows import read_array_of_windows, read_table_of_windows, read_wfdb

log = logging.getLogger(__name__)

PLAUSIBLE_MV = (0.02, 30.0)
"""Range of an ECG window, mV; beyond it the unit is doubtful."""
READERS: Mapping[type[Kind], Mapping[str, Reader]] = {
    Window: {
        ".npy": read_array_of_windows,
        ".csv": read_table_of_windows,
        ".parquet": read_window_parquet,
        "folder": read_wfdb,
        "folder of EDF": read_edf,
    },
    Row: {".npy": read_array_of_rows, ".csv": read_table_of_rows, ".parquet": read_row_parquet},
    Image: {".npy": read_array_of_images, ".zip": read_image_files, "folder": read_image_files},
}
"""By kind of sample and suffix of the file."""
ACCEPTED: Mapping[type[Kind], str] = {
    Window: "a folder of WFDB records or EDF files, an .npy array (windows, leads, samples), a .csv or .parquet file "
    "(ganlab.sample).",
    Row: "a .csv or .parquet file with the data set's columns, an .npy array (rows, columns).",
    Image: "a folder or zip of PNG or JPEG files, an .npy array (images, channels, height, width) of levels.",
}


def read(path: Path, request: Request) -> Synthetic:
    """Return all finite samples of a file or folder, with facts for the report, their SHA-256 among them.

    Raises UserError for a path without samples of this kind, and for samples that cannot be used unless they are
    skipped.
    """
    with file_errors("synthetic", path):
        if not (path.is_file() or path.is_dir()):
            raise UserError(f"synthetic={path}: no such file or folder. {_accepted(request.kind)}")
        refuse_unfinished(path)
        # ganlab.sample writes one array or table into a folder.
        written = (path / f"synthetic{suffix}" for suffix in (".npy", ".csv", ".parquet"))
        ours = [each for each in written if each.is_file()]
        if len(ours) > 1:
            raise UserError(f"synthetic={path} holds {' and '.join(each.name for each in ours)}: name the file itself.")
        file = ours[0] if ours else path
        reader = READERS[type(request.kind)].get(_form(file))
        if reader is None:
            raise UserError(f"synthetic={file}: not known as a set of {request.kind.noun}s. {_accepted(request.kind)}")
        synthetic = reader(file, request)
    synthetic = _finite(file, synthetic, request.on_bad)
    if not len(synthetic.values):
        raise UserError(f"synthetic={file} holds no {request.kind.noun} that can be used.")
    if isinstance(synthetic.kind, Window) and not synthetic.kind.other_unit:
        _warn_of_unit(file, synthetic)
    return replace(synthetic, facts={**synthetic.facts, "sha256": synthetic.digest()})


def _form(path: Path) -> str:
    """Return the suffix of a file, or `folder`: one `of EDF` where EDF files lie in it and no header of WFDB does."""
    if path.is_dir():
        return "folder of EDF" if edf_files(path) and not any(path.glob("*.hea")) else "folder"
    return path.suffix.lower()


def _accepted(kind: Kind) -> str:
    return f"Accepted are a run folder, and {ACCEPTED[type(kind)]}"


def _finite(path: Path, synthetic: Synthetic, on_bad: str) -> Synthetic:
    """Return the samples without NaN and infinity. Raises UserError for others, unless they are skipped."""
    finite = np.array([bool(np.isfinite(sample).all()) for sample in synthetic.values], bool)
    bad = np.flatnonzero(~finite)
    if len(bad):
        refuse_or_count(path, [f"{synthetic.kind.noun} {n} holds NaN or infinity" for n in bad], on_bad)
        synthetic = synthetic.take(np.flatnonzero(finite))
    return replace(synthetic, facts={**synthetic.facts, "not_finite": len(bad)})


def _warn_of_unit(path: Path, synthetic: Synthetic) -> None:
    """Warn where windows are far smaller or larger than any ECG."""
    count = len(synthetic.values)
    some = [synthetic.values[int(k)] for k in np.linspace(0, count - 1, min(count, 100))]
    range_mv = float(np.median([np.ptp(window, axis=-1).max() for window in some]))
    if not PLAUSIBLE_MV[0] <= range_mv <= PLAUSIBLE_MV[1]:
        log.warning("%s: half of the windows range over more than %.3g mV: is the unit right?", path, range_mv)
