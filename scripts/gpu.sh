#!/usr/bin/env bash
# Measures training on one GPU in at most eight minutes, and prints a table for docs/speed.md:
#
#   bash scripts/gpu.sh
#   GANLAB_GPU_TRIAL=1 bash scripts/gpu.sh      # the same rows on the CPU with tiny networks: only a test of this script
#
# The first row is the mission's command at full size for three minutes, the others short runs with one thing changed.
# PYTHON is the interpreter (.venv/bin/python), OUT the folder of the runs, DATA what replaces the simulated cohort, such
# as "dataset=ptbdb dataset.root=DIR". Busy is the mean of nvidia-smi's utilization while a run trains.
set -u
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
OUT=${OUT:-outputs/gpu}
MISSION="arrangement=rgb trick=label_smoothing"
ALWAYS="metrics=paper tracking=none trainer.max_epochs=-1 trainer.log_every_n_steps=20 checkpoint_every=1000 grids_every=1000"
if [ -n "${GANLAB_GPU_TRIAL:-}" ]; then
  DATA="dataset.patients=12 dataset.seconds=9 architecture=cnn_slim architecture.width=0.0625 batch_size=8"
  LONG="stopping=steps stopping.steps=20" SHORT=$LONG COMPILED=$LONG ON=trainer=cpu DDP="trainer=ddp trainer.accelerator=cpu trainer.devices=1"
  ALWAYS="$ALWAYS trainer.log_every_n_steps=2"
else
  DATA=${DATA:-dataset=ptbdb_sim dataset.patients=290 dataset.seconds=100}
  LONG=trainer.max_time=00:00:03:00 SHORT=trainer.max_time=00:00:00:25 COMPILED=trainer.max_time=00:00:01:00 ON=trainer=gpu DDP="trainer=ddp trainer.accelerator=gpu trainer.devices=1"
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || exit 1
fi

row() { # row NAME LENGTH OVERRIDES...: a run, and its line of the table
  local name=$1 length=$2 folder
  shift 2
  folder=$OUT/$(echo "$name" | tr -c 'a-z0-9\n' _)
  mkdir -p "$folder"
  nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits -lms 500 >"$folder/busy.txt" 2>/dev/null &
  local watch=$!
  "$PYTHON" -m ganlab.run $DATA $MISSION $ALWAYS $length "outputs=$folder" "cache=$OUT/cache" "$@" \
    >"$folder/log.txt" 2>&1
  kill "$watch" 2>/dev/null
  wait "$watch" 2>/dev/null
  "$PYTHON" - "$name" "$folder" <<'PYTHON'
import json, sys
from pathlib import Path

name, folder = sys.argv[1], Path(sys.argv[2])
try:
    run = max((folder / "runs").iterdir())
    facts = json.loads((run / "run.json").read_text())
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    at = [(row["step"], row["time"]) for row in rows if "loss/G" in row]
    (first, began), (last, ended) = at[len(at) // 5], at[-1]
    busy = [float(line) for line in (folder / "busy.txt").read_text().split() if line.strip().isdigit()]
    at_work = [share for share in busy if share]
    share = f"{sum(at_work) / len(at_work):.0f} %" if at_work else "-"
    cells = [f"{facts['batch_size'] * (last - first) / (ended - began):,.0f}", f"{1000 * (ended - began) / (last - first):.3g}"]
    print(f"| {name} | {cells[0]} | {cells[1]} | {share} | {facts['steps']:,} |", flush=True)
except Exception as error:
    words = " ".join((folder / "log.txt").read_text(errors="replace").split())[-200:].replace("|", "/")
    print(f"| {name} | failed: {type(error).__name__}: {words} | | | |", flush=True)
PYTHON
}

echo "| run | images/s | ms a step | GPU busy | steps |"
echo "|---|---|---|---|---|"
row "mission, full size" "$LONG" $ON
row "float32" "$SHORT" $ON trainer.precision=32-true
row "bf16" "$SHORT" $ON trainer.precision=bf16-mixed
row "precision=auto" "$SHORT" $ON trainer.precision=auto
row "data_on_device=false" "$SHORT" $ON data_on_device=false
row "compile" "$COMPILED" $ON compile=true
row "ddp, one process" "$SHORT" $DDP
