"""python -m ganlab.reading_sheet: real and generated samples for an expert to tell apart, and the score."""

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error
from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="reading_sheet")
def main(cfg: DictConfig) -> None:
    """Make a sheet of a run, or score the answers to one."""
    from ganlab.command.reading_sheet import read

    exit_on_user_error(lambda: read(**{str(key): value for key, value in cfg.items()}))


if __name__ == "__main__":
    main()
