#!/usr/bin/env bash
# The documents' experiments at full size on a Slurm cluster: one array, one GPU a job, five seeds each.
#
#   PARTITION=gpu GANLAB_DATA=/data GANLAB_OUTPUTS=/scratch/ganlab scripts/paper_on_slurm.sh
#   EXPERIMENTS=paper/rgb_collapse,paper/rgb SEEDS='range(10)' scripts/paper_on_slurm.sh     # collapse rates
#   SHOW=1 scripts/paper_on_slurm.sh                           # the launcher's settings; submits nothing
#
# Cost, by counting: `python scripts/cost.py` gives 13 GPU hours a seed at 10 TFLOP/s sustained, 65 for the five; the
# longest job (paper/acgan_imbalanced) has 1.8. No GPU has been measured. A job whose time is over saves itself and goes on
# in the queue. Started again with hydra.sweep.dir=<the sweep's folder> as an argument, only what is missing is run.
#
# Needs `pip install ganlab[cluster]`, and on shared storage: this checkout, GANLAB_DATA with ptbdb, thyroid, fingerprint
# and iris (what is missing is simulated where GANLAB_STAND_INS=1), and GANLAB_OUTPUTS. The login node waits for the jobs,
# so run it in tmux; the sweep's summary.html is written when the last has ended.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${GANLAB_DATA:?the folder that holds ptbdb, thyroid, fingerprint and iris}"
export GANLAB_DATA
all=$(cd conf/experiment && ls thesis/*.yaml paper/*.yaml | sed 's/\.yaml$//' | paste -sd, -)

launcher=(
  hydra/launcher=submitit_slurm
  hydra.launcher.partition="${PARTITION:-gpu}"
  hydra.launcher.gpus_per_node=1
  hydra.launcher.cpus_per_task="${CPUS:-4}"
  hydra.launcher.mem_gb="${MEMORY_GB:-24}"
  hydra.launcher.timeout_min="${MINUTES:-720}"
  hydra.launcher.array_parallelism="${JOBS:-16}"
)
sweep=(experiment="${EXPERIMENTS:-$all}" seed="${SEEDS:-range(5)}")
python="${PYTHON:-.venv/bin/python}"

if [ -n "${SHOW:-}" ]; then
  echo "${sweep[@]}"
  exec "$python" -m ganlab.run --cfg hydra --package hydra.launcher "${launcher[@]}"
fi
exec "$python" -m ganlab.run --multirun "${launcher[@]}" "${sweep[@]}" \
  trainer=auto num_workers=2 dataset.on_bad_record=skip outputs="${GANLAB_OUTPUTS:-outputs}" "$@"
