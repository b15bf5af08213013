"""Hydra's own record of a run, `.hydra/*.yaml`, and its log, without the credentials that a configuration holds."""

import logging
from pathlib import Path

from hydra.core import utils
from omegaconf import DictConfig, OmegaConf

from ganlab.core.masking import MaskedRecord, masked


def save_masked(config: DictConfig, filename: str, output_dir: Path) -> None:
    """Write a configuration as Hydra does, its interpolations not resolved, with credentials masked."""
    output_dir.mkdir(parents=True, exist_ok=True)
    (output_dir / filename).write_text(masked(OmegaConf.to_yaml(config)), encoding="utf-8")


utils._save_config = save_masked  # type: ignore[assignment]
logging.setLogRecordFactory(MaskedRecord)
