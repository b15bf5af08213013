"""python -m ganlab.doctor: what is wrong with an installation, in a line each, and what to do."""

import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ganlab.core.settings import CONF


@hydra.main(version_base="1.3", config_path=CONF, config_name="doctor")
def main(cfg: DictConfig) -> None:
    """Print the lines; exit code 0 where nothing is wrong, 1 otherwise. Nothing heavy is imported in this process."""
    from ganlab.checkup.examination import examine

    wrong = 0
    for finding in examine(cfg, HydraConfig.get().runtime.choices["dataset"]):
        print(finding, flush=True)
        wrong += finding.state == "wrong"
    print(f"{wrong} wrong" if wrong else "nothing is wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
