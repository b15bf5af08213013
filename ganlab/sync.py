"""python -m ganlab.sync: bring to MLflow what it missed of a run, or of all runs of a folder."""

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error
from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="sync")
def main(cfg: DictConfig) -> None:
    """Bring it, from the folder alone."""
    from pathlib import Path

    from ganlab.tracking.mlflow import Store, store_uri, sync

    outputs = Path(cfg.outputs)
    store = Store(store_uri(cfg.tracking.uri, outputs), outputs, cfg.tracking.experiment)
    exit_on_user_error(lambda: sync(cfg.run, store))


if __name__ == "__main__":
    main()
