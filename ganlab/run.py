"""python -m ganlab.run: compose, train, evaluate, report."""

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error, uncollected
from ganlab.core.settings import CONF, own_launchers


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def main(cfg: DictConfig) -> float | None:
    """One experiment, or one job of a sweep."""
    with uncollected():
        from ganlab.command.run import run

    return exit_on_user_error(lambda: run(cfg))


own_launchers()

if __name__ == "__main__":
    main()
