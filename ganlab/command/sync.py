"""Runs that MLflow missed, sent to it from their folders alone."""

from pathlib import Path

from omegaconf import DictConfig

from ganlab.tracking.mlflow_follower import sync
from ganlab.tracking.store import Store, store_uri


def main(cfg: DictConfig) -> None:
    """Send one run, or all runs of a folder."""
    outputs = Path(cfg.outputs)
    sync(
        cfg.run, Store(store_uri(cfg.tracking.uri, outputs), outputs, cfg.tracking.experiment, cfg.tracking.patient_ids)
    )
