"""Prints the script that a sweep would submit with sbatch, on a machine without Slurm; nothing is submitted.

    python scripts/slurm_script.py experiment=laptop seed=1,2,3 hydra.launcher.partition=gpu

The overrides are those of `python -m ganlab.run --multirun hydra/launcher=submitit_slurm`. On a cluster
`python scripts/slurm_script.py ... | sbatch --test-only` asks Slurm whether it would take it, and when it would start.
"""

import sys
import tempfile
from typing import Any

from submitit import SlurmExecutor

from ganlab import run

SWEEP = "hydra.sweep.dir="
PLACE = "outputs/sweeps/TIME"
"""Where a sweep lies that is not given a folder."""


def main(overrides: list[str]) -> None:
    """Start the sweep with a submission that prints the script and ends the program."""
    place = next((word.removeprefix(SWEEP) for word in overrides if word.startswith(SWEEP)), PLACE)
    with tempfile.TemporaryDirectory() as folder:

        def show(self: SlurmExecutor, command: str) -> Any:
            print(self._make_submission_file_text(command, "").replace(folder, place))
            raise SystemExit(0)

        SlurmExecutor.affinity = classmethod(lambda cls: 2)  # as where there is srun
        SlurmExecutor._submit_command = show
        quiet = ["~hydra.callbacks.sweep", "hydra.hydra_logging.root.level=WARNING"]
        others = [word for word in overrides if not word.startswith(SWEEP)]
        sys.argv = ["ganlab.run", "--multirun", "hydra/launcher=submitit_slurm", *others, SWEEP + folder, *quiet]
        run.main()


if __name__ == "__main__":
    main(sys.argv[1:])
