"""What is wrong with an installation, in a line each, and what to do."""

import sys
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from ganlab.checkup.examination import examine
from ganlab.command.entry import arguments


def main(cfg: DictConfig) -> None:
    """Print the lines; exit code 0 where nothing is wrong, 1 otherwise. Nothing heavy is imported in this process."""
    wrong = 0
    dataset: Any = OmegaConf.to_container(cfg.dataset, resolve=True, throw_on_missing=False)
    dataset_name = HydraConfig.get().runtime.choices["dataset"]
    for finding in examine(**arguments(cfg) | {"dataset": dataset, "dataset_name": dataset_name}):
        print(finding, flush=True)
        wrong += finding.state == "wrong"
    print(f"{wrong} wrong" if wrong else "nothing is wrong")
    sys.exit(1 if wrong else 0)
