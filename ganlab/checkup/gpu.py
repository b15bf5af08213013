"""Whether torch uses the GPU that is there."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from packaging.version import Version

from ganlab.checkup.finding import Finding, note, ok, wrong

TIMEOUT_S = 20


def gpu(facts: dict[str, Any] | None, devices: Path = Path("/dev")) -> list[Finding]:
    """Return whether torch uses the GPUs of this machine; nothing without torch.

    `facts` is what torch says: its version `torch` and `cuda`, and whether GPUs are `available`, and their `count`.
    """
    if facts is None:
        return []
    if facts["available"]:
        return [ok("GPU", f"torch {facts['torch']} uses {facts['count']} of them")]
    tool = shutil.which("nvidia-smi")
    if tool is None and not any(devices.glob("nvidia[0-9]*")):
        return [ok("GPU", f"no NVIDIA GPU: torch {facts['torch']} computes on the CPU")]
    return [_unused(facts, _driver(tool))]


def _unused(facts: dict[str, Any], driver: str) -> Finding:
    """Return why torch does not use a GPU that the machine has."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return note("GPU", f"hidden by CUDA_VISIBLE_DEVICES={hidden!r}", "Unset it to use the GPU")
    if facts["cuda"] is None:
        return wrong(
            "GPU",
            f"there is a GPU, but torch {facts['torch']} is a build for the CPU",
            f"pip uninstall torch, then install {facts['torch'].partition('+')[0]} for your CUDA as pytorch.org says",
        )
    takes = re.search(r"CUDA Version:\s*([\d.]+)", driver)
    if takes and Version(takes[1]) < Version(facts["cuda"]):
        return wrong(
            "GPU",
            f"its driver supports CUDA {takes[1]} at most, and torch {facts['torch']} is built for CUDA "
            f"{facts['cuda']}",
            f"Update the driver, or install a torch built for CUDA {takes[1]} or older as pytorch.org says",
        )
    return wrong(
        "GPU",
        f"there is one, and torch {facts['torch']} (CUDA {facts['cuda']}) cannot use it",
        "Check that nvidia-smi lists it; start a container with the GPU (--gpus all); after an update restart",
    )


def _driver(tool: str | None) -> str:
    if tool is None:
        return ""
    try:
        done = subprocess.run([tool], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
