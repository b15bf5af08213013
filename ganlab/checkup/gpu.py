"""Whether torch uses the GPU that is there."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ganlab.checkup.finding import Finding

TIMEOUT_S = 20


def gpu(seen: dict[str, Any] | None, devices: Path = Path("/dev")) -> list[Finding]:
    """What torch saw (`torch`, `cuda`, `available`, `count`), beside what the machine has; silent without torch."""
    if seen is None:
        return []
    if seen["available"]:
        return [Finding("ok", "GPU", f"torch {seen['torch']} uses {seen['count']} of them")]
    tool = shutil.which("nvidia-smi")
    if tool is None and not any(devices.glob("nvidia[0-9]*")):
        return [Finding("ok", "GPU", f"none of NVIDIA's here: torch {seen['torch']} computes on the CPU")]
    return [_unused(seen, _driver(tool))]


def _unused(seen: dict[str, Any], driver: str) -> Finding:
    """Why torch does not use it."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return Finding("note", "GPU", f"hidden by CUDA_VISIBLE_DEVICES={hidden!r}", "Unset it to use the GPU")
    if seen["cuda"] is None:
        return Finding(
            "wrong",
            "GPU",
            f"there is one, and torch {seen['torch']} is a build for the CPU alone",
            f"pip uninstall torch, then install {seen['torch'].partition('+')[0]} for your CUDA as pytorch.org says",
        )
    takes = re.search(r"CUDA Version:\s*([\d.]+)", driver)
    if takes and _number(takes[1]) < _number(seen["cuda"]):
        return Finding(
            "wrong",
            "GPU",
            f"its driver takes CUDA {takes[1]} at most, and torch {seen['torch']} is built for CUDA {seen['cuda']}",
            f"Update the driver, or install a torch built for CUDA {takes[1]} or older as pytorch.org says",
        )
    return Finding(
        "wrong",
        "GPU",
        f"there is one, and torch {seen['torch']} (CUDA {seen['cuda']}) does not get it",
        "See that nvidia-smi lists it; in a container start that with the GPU (--gpus all); after an update restart",
    )


def _driver(tool: str | None) -> str:
    if tool is None:
        return ""
    try:
        done = subprocess.run([tool], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])
