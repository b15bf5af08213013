"""python -m ganlab.export_generator: a generator to share, without the run that trained it."""

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error
from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="export_generator")
def main(cfg: DictConfig) -> None:
    """Weights, plain values, and a card."""
    from ganlab.generator.export import export_generator

    exit_on_user_error(lambda: export_generator(**{str(key): value for key, value in cfg.items()}))


if __name__ == "__main__":
    main()
