"""Draws generated windows above real ones of other patients, on ECG paper: the pictures of the README and docs/.

python scripts/sheet.py outputs/runs/NAME docs/pictures/NAME.png
"""

import argparse
from pathlib import Path

import numpy as np

from ganlab.compose import compose_data, compose_networks
from ganlab.core.kind import Window
from ganlab.generator.load import load
from ganlab.generator.stored import stored_config
from ganlab.plot.ecg_paper import draw_windows
from ganlab.plot.figure import png_bytes
from ganlab.report.page import NOTICE


def main() -> None:
    """Draw one sheet of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--each", type=int, default=6, help="windows of each kind")
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1, help="of the noise; the first windows are shown, none chosen")
    parser.add_argument("--dpi", type=float, default=110)
    request = parser.parse_args()
    trained = load(request.run)
    cfg = stored_config(request.run)
    data = compose_data(cfg, compose_networks(cfg))
    data.setup()
    assert isinstance(data.kind, Window), "a sheet is of windows"
    real = data.part(data.judged_part).spread(request.each).sample.numpy()
    synthetic = trained.gan.sample(request.each, seed=request.seed).numpy()
    titles = [f"{kind} {k + 1}" for kind in ("Synthetic", "Real") for k in range(request.each)]
    figure = draw_windows(
        np.concatenate([synthetic, real]),
        leads=data.kind.leads,
        rate=data.kind.rate,
        columns=request.columns,
        titles=titles,
        note=f"{NOTICE} {trained.steps} steps on {trained.run['choices']['dataset']}.",
        center=True,
    )
    request.picture.parent.mkdir(parents=True, exist_ok=True)
    request.picture.write_bytes(png_bytes(figure, request.dpi))


if __name__ == "__main__":
    main()
