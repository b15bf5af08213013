"""What all commands share: errors that are the user's are told without a traceback."""

import logging
import sys
from collections.abc import Callable
from typing import TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from ganlab.errors import UserError

log = logging.getLogger("ganlab")

Result = TypeVar("Result")
EXIT_CODE = 2


def told(task: Callable[[], Result]) -> Result:
    """Do the task; on a UserError log its message and exit with code 2, or fail the job alone in a sweep."""
    try:
        return task()
    except UserError as error:
        log.error("%s", error)
        if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        sys.exit(EXIT_CODE)
