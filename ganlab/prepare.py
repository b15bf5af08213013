"""python -m ganlab.prepare: download, verify, cache."""

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error
from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="prepare")
def main(cfg: DictConfig) -> None:
    """Prepare one data set and say what is in it."""
    from ganlab.command.prepare import prepare

    exit_on_user_error(lambda: prepare(cfg))


if __name__ == "__main__":
    main()
