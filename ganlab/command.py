"""What all commands share: errors that are the user's are told without a traceback."""

import gc
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf.errors import InterpolationResolutionError

from ganlab.errors import UserError
from ganlab.settings import HERE

log = logging.getLogger("ganlab")

Result = TypeVar("Result")
EXIT_CODE = 2
LONGEST = 500
"""Characters of another library's words in a message."""


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
        raise UserError(_not_built(error)) from error


@contextmanager
def told_of_values() -> Iterator[None]:
    """What fails while a configuration becomes objects, before any data is read, lies in its values: a UserError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        log.debug("a configuration cannot be built", exc_info=True)
        raise UserError(_not_built(error)) from error


def _not_built(error: Exception) -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(HERE)]
    said = " ".join(str(error).split())[:LONGEST] or "no reason given"
    return (
        f"This configuration cannot be built: {type(error).__name__}: {said} "
        f"(met in {Path(ours[-1].filename).name}, line {ours[-1].lineno}). "
        "Look at the overrides; --cfg job prints the whole configuration, and conf/ says what each value is."
    )


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


def told(task: Callable[[], Result]) -> Result:
    """Do the task; on a UserError log its message and exit with code 2, or fail the job alone in a sweep."""
    try:
        return task()
    except UserError as error:
        log.error("%s", error)
        if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        sys.exit(EXIT_CODE)
