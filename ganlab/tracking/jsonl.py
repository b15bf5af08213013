"""The losses and metrics of a run as lines of JSON in its folder: the record that needs no server."""

import json
import logging
import math
import os
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from ganlab.core.files import on_disk

log = logging.getLogger(__name__)


class JSONLines(Logger):
    """Appends to `metrics.jsonl`, with epochs counted from 1 and null for a number that is not finite.

    Half a line at the end, of a process that was killed, is dropped and counted in the log. Raises UserError where
    nothing can be written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.file = folder / "metrics.jsonl"
        with on_disk(self.file):
            drop_half_line(self.file)

    name = None
    version = None

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append one line."""
        values = {key: value if math.isfinite(value) else None for key, value in metrics.items()}
        if "epoch" in metrics:
            values["epoch"] = int(metrics["epoch"]) + 1
        with on_disk(self.file), self.file.open("a") as file:
            file.write(json.dumps({"step": step, "time": round(time.time(), 3), **values}) + "\n")

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml holds them."""


def drop_half_line(file: Path) -> None:
    """Cut what stands after the last whole line, with a warning that counts it; MLflow has whole lines only."""
    content = file.read_bytes() if file.is_file() else b""
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        log.warning(
            "%s: the incomplete last line (%d bytes), left by a killed process, is dropped", file, len(content) - whole
        )
        os.truncate(file, whole)
