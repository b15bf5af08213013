"""python -m ganlab.summary: the page that sums up a sweep, written again."""

import hydra
from omegaconf import DictConfig

from ganlab.command.entry import exit_on_user_error
from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="summary")
def main(cfg: DictConfig) -> None:
    """Read the jobs of one sweep and write its page."""
    from ganlab.report.summary import summarize

    exit_on_user_error(lambda: summarize(cfg.sweep))


if __name__ == "__main__":
    main()
