"""Networks whose forward and backward passes torch.compile turns into fewer and larger operations.

The first steps take longer, by up to minutes. What differs is rounding: draws are those of networks as they are, and
so are the names of weights in a checkpoint.
"""

import logging
import os
import shutil
import sys
import sysconfig
from pathlib import Path

from ganlab.core.errors import UserError
from ganlab.gan.gan import GAN

log = logging.getLogger(__name__)

COMPILERS = {"darwin": "clang++", "win32": "cl"}
"""Of C++, which torch calls where CXX names none; elsewhere g++."""


def check_compiler() -> None:
    """Raise UserError where torch.compile would find no C++ compiler, or no headers of Python."""
    name = os.environ.get("CXX") or COMPILERS.get(sys.platform, "g++")
    if shutil.which(name) is None:
        raise UserError(
            f"compile=true needs a C++ compiler, and there is no {name}. Install one (apt-get install g++), name "
            "another in the environment variable CXX, or take compile=false."
        )
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise UserError(
            f"compile=true needs Python's headers, and there is no Python.h in {headers}. Install them (apt-get "
            "install python3-dev), or take compile=false."
        )


def compile_networks(gan: GAN, wanted: bool) -> None:
    """Compile both networks in place, at their first call, if that is wanted. Raises UserError without a compiler."""
    if not wanted:
        return
    check_compiler()
    for network in (gan.generator, gan.discriminator):
        # Dropout draws what it draws without.
        network.compile(options={"fallback_random": True})
    log.info("networks are compiled: the first steps take longer")
