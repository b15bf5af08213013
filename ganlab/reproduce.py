"""python -m ganlab.reproduce: a run again, and whether it gives the same bits."""

import sys

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error
from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="reproduce")
def main(cfg: DictConfig) -> None:
    """Run, compare, and end with exit code 0 where it is the same, 1 where it is not."""
    from ganlab.command.reproduce import reproduce

    same = exit_on_user_error(lambda: reproduce(**{str(key): value for key, value in cfg.items()}))
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
