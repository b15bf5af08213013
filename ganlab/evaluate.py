"""python -m ganlab.evaluate: any synthetic set, ours or another tool's, beside real samples of other persons."""

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error
from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="evaluate")
def main(cfg: DictConfig) -> None:
    """Read both, bring them to common ground, measure, and write the page."""
    from ganlab.command.evaluate import judge

    exit_on_user_error(lambda: judge(cfg))


if __name__ == "__main__":
    main()
