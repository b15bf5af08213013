"""python -m ganlab.explore: what is in a data set, as a page."""

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error
from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="explore")
def main(cfg: DictConfig) -> None:
    """Read all of it once, and draw."""
    from ganlab.command.explore import explore

    exit_on_user_error(lambda: explore(cfg))


if __name__ == "__main__":
    main()
