"""Runs that MLflow or W&B missed, sent to it from their folders alone."""

from pathlib import Path

from omegaconf import DictConfig

from ganlab.core.errors import UserError
from ganlab.tracking.mlflow_follower import stores, sync


def main(cfg: DictConfig) -> None:
    """Send one run, or all runs of a folder."""
    places = stores(cfg.tracking, Path(cfg.outputs))
    if not places:
        raise UserError("tracking names no store: accepted are tracking=mlflow, tracking=wandb and tracking=both.")
    for place in places:
        sync(cfg.run, place)
