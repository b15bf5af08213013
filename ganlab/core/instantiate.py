"""Hydra's instantiate, with what a user can mend told as a UserError."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError

from ganlab.core.errors import UserError
from ganlab.core.settings import HERE

log = logging.getLogger("ganlab")

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


def missing_classes(node: Any) -> list[str]:
    """Return the class paths (`_target_`) of a stored configuration that this version of ganlab does not have."""
    values = OmegaConf.to_container(node) if OmegaConf.is_config(node) else node
    if isinstance(values, list):
        return [target for inner in values for target in missing_classes(inner)]
    if not isinstance(values, dict):
        return []
    own = [values["_target_"]] if "_target_" in values and not _exists(values["_target_"]) else []
    return own + [target for inner in values.values() for target in missing_classes(inner)]


def _exists(target: str) -> bool:
    try:
        return get_object(target) is not None
    except Exception:  # what the import of another version's module raises is not one family
        return False


@contextmanager
def configuration_errors() -> Iterator[None]:
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
