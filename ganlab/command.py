"""What all commands share: errors that are the user's are told without a traceback."""

import logging
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf.errors import InterpolationResolutionError

from ganlab.errors import UserError

log = logging.getLogger("ganlab")

Result = TypeVar("Result")
EXIT_CODE = 2


def build(node: Any) -> Any:
    """Hydra's instantiate, but a UserError of the object comes out as it is."""
    try:
        return instantiate(node)
    except InterpolationResolutionError as error:
        raise UserError(
            f"{node.get('_target_', 'A choice')} does not go with the other choices: {error.msg}. A choice for rows or "
            "images needs a data set of rows or images; see --help for the groups."
        ) from error
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError):
                raise cause from None
            cause = cause.__cause__
        raise


def told(task: Callable[[], Result]) -> Result:
    """Do the task; on a UserError log its message and exit with code 2, or fail the job alone in a sweep."""
    try:
        return task()
    except UserError as error:
        log.error("%s", error)
        if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        sys.exit(EXIT_CODE)
