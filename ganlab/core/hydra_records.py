"""Hydra's own record of a run, `.hydra/*.yaml`, and its log, without the credentials that a configuration holds."""

import logging
import sys
from pathlib import Path

from hydra.core import utils
from omegaconf import DictConfig, OmegaConf

from ganlab.core.errors import UserError
from ganlab.core.files import write_whole
from ganlab.core.masking import MaskedRecord, masked_values


def save_masked(config: DictConfig, filename: str, output_dir: Path) -> None:
    """Write a configuration as Hydra does, its interpolations not resolved, with credentials masked.

    Ends the program where it cannot be written: the command has not begun, and Hydra would show a traceback.
    """
    values = masked_values(OmegaConf.to_container(config, resolve=False))
    try:
        write_whole(output_dir / filename, OmegaConf.to_yaml(OmegaConf.create(values)))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


utils._save_config = save_masked  # type: ignore[assignment]
logging.setLogRecordFactory(MaskedRecord)
