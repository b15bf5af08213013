"""A trained generator exported to a folder that can be shared."""

import logging
import shutil
from pathlib import Path

from omegaconf import DictConfig

from ganlab.command.entry import arguments
from ganlab.core.errors import UserError
from ganlab.generator.export import export_generator
from ganlab.generator.portable import CONFIG
from ganlab.tracking.mlflow import EXPORT

log = logging.getLogger(__name__)


def main(cfg: DictConfig) -> None:
    """Write weights, plain values and a card."""
    export_generator(**arguments(cfg))


def export_for_registry(folder: Path) -> None:
    """Export a run's generator into its folder, from which MLflow registers it; log an error where it cannot be.

    That of an earlier end of the run, which was then continued, is replaced.
    """
    exported = folder / EXPORT
    if (exported / CONFIG).is_file() and not exported.is_symlink():
        shutil.rmtree(exported)
    try:
        export_generator(str(folder), str(exported))
    except UserError as error:
        log.error("tracking.register: the generator is not registered: %s", error)
