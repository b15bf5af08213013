"""python -m ganlab.sample: a synthetic data set from a trained generator."""

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error
from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="sample")
def main(cfg: DictConfig) -> None:
    """Sample, decode, write, and say what it is."""
    from ganlab.command.sample import export

    exit_on_user_error(lambda: export(**{str(key): value for key, value in cfg.items()}))


if __name__ == "__main__":
    main()
