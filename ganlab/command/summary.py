"""The page that sums up a sweep, written again."""

from omegaconf import DictConfig

from ganlab.report.summary import summarize


def main(cfg: DictConfig) -> None:
    """Read the jobs of one sweep and write its page."""
    summarize(cfg.sweep)
