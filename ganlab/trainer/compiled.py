"""compile=true: torch.compile fuses the networks' forward and backward passes into fewer, larger operations.

The first steps take up to minutes longer. Results differ by rounding only: random draws, and the names of weights in a
checkpoint, are those of networks that are not compiled. Steps with a gradient penalty take the discriminator as it is.
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
"""C++ compilers by system that torch calls where CXX names none; g++ on all others."""


def check_compiler() -> None:
    """Raise UserError where torch.compile would find no C++ compiler or no Python headers."""
    name = os.environ.get("CXX") or COMPILERS.get(sys.platform, "g++")
    if shutil.which(name) is None:
        raise UserError(
            f"compile=true needs a C++ compiler, and there is no {name}. Install one (apt-get install g++), name "
            "another in the environment variable CXX, or use compile=false."
        )
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise UserError(
            f"compile=true needs Python's headers, and there is no Python.h in {headers}. Install them (apt-get "
            "install python3-dev), or use compile=false."
        )


def compile_networks(gan: GAN, wanted: bool) -> None:
    """Compile both networks in place, at their first call, if `wanted`. Raises UserError without a compiler."""
    if not wanted:
        return
    check_compiler()
    gan.compiled = True
    for network in (gan.generator, gan.discriminator):
        # Dropout then draws what it draws in networks that are not compiled.
        network.compile(options={"fallback_random": True})
    log.info("networks are compiled: the first steps take longer")
