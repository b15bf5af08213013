"""The machine and the code that numbers were measured with."""

import os
import platform
import re
import subprocess
from pathlib import Path


def machine(code: Path) -> str:
    """What the numbers hold for: processor, versions, and the commit of the checkout that holds the folder `code`."""
    import torch

    model = platform.processor() or platform.machine()
    if (cpus := Path("/proc/cpuinfo")).is_file():
        told = re.search(r"^model name\s*: (.*)$", cpus.read_text(), re.MULTILINE)
        model = told[1] if told else model
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    commit = subprocess.run(command, cwd=code, capture_output=True, text=True, check=False).stdout.strip()
    return (
        f"{os.cpu_count()} cores of {model}, {torch.get_num_threads()} threads; Python {platform.python_version()}, "
        f"torch {torch.__version__}, commit {commit or 'unknown'}; load average {os.getloadavg()[0]:.2f} at the start."
    )
