"""A trained generator exported to a folder that can be shared."""

from omegaconf import DictConfig

from ganlab.command.entry import arguments
from ganlab.generator.export import export_generator


def main(cfg: DictConfig) -> None:
    """Write weights, plain values and a card."""
    export_generator(**arguments(cfg))
