"""What all commands share: errors that are the user's are told without a traceback."""

import gc
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from ganlab.core.errors import UserError

log = logging.getLogger("ganlab")

Result = TypeVar("Result")
EXIT_CODE = 2


@contextmanager
def uncollected() -> Iterator[None]:
    """While torch is first imported, nothing is looked through for garbage; nor is what was made then, ever after."""
    if "torch" in sys.modules:
        # A later job of a sweep: what the one before it left has to be collected.
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def exit_on_user_error(task: Callable[[], Result]) -> Result:
    """Do the task; on a UserError log its message and exit with code 2, or fail the job alone in a sweep."""
    try:
        return task()
    except UserError as error:
        log.error("%s", error)
        if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        sys.exit(EXIT_CODE)
