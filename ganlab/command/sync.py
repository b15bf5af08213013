"""Runs that MLflow missed, sent to it from their folders alone."""

from pathlib import Path

from omegaconf import DictConfig

from ganlab.tracking.mlflow_follower import sync
from ganlab.tracking.store import Store


def main(cfg: DictConfig) -> None:
    """Send one run, or all runs of a folder."""
    sync(cfg.run, Store.of(cfg.tracking, Path(cfg.outputs)))
