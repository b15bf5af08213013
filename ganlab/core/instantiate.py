"""Hydra's instantiate, which raises UserError for what a user can mend."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from ganlab.core.errors import UserError, lacks_memory, reason_of
from ganlab.core.settings import HERE
from ganlab.core.values import check_values

log = logging.getLogger("ganlab")

LONGEST = 500
"""Characters of another library's words in a message."""


def build(node: Any) -> Any:
    """Return the object of a configuration's node.

    Raises UserError for a value of a type that the class does not take, or that of the object itself.
    """
    try:
        check_types(node)
        return instantiate(node)
    except InterpolationResolutionError as error:
        raise UserError(
            f"{node.get('_target_', 'A choice')} does not go with the other choices: {error.msg}. A choice for rows or "
            "images needs a data set of rows or images; see --help for the groups."
        ) from error
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError) or lacks_memory(cause):
                raise cause from None
            cause = cause.__cause__
        raise UserError(_not_built(error)) from error


def check_types(node: Any) -> None:
    """Raise UserError for a plain value in a node, or in one below it, that the node's class does not take.

    Whole numbers that were written as others, such as 1e3, become whole.
    """
    if not isinstance(node, DictConfig) or node._is_none():
        return
    for name in node:
        check_types(node._get_node(name))
    if "_target_" in node:
        values = OmegaConf.to_container(node, resolve=True)
        assert isinstance(values, dict)
        plain = {str(name): value for name, value in values.items() if not isinstance(value, dict)}
        whole = check_values(get_object(node._target_), plain, f"{node._get_full_key(None)}.".lstrip("."))
        for name, number in whole.items():
            node[name] = number


@contextmanager
def configuration_errors() -> Iterator[None]:
    """Raise UserError for whatever but lack of memory fails while a configuration becomes objects: a value is wrong."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if lacks_memory(error):
            raise
        log.debug("a configuration cannot be built", exc_info=True)
        raise UserError(_not_built(error)) from error


def _not_built(error: Exception) -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(HERE)]
    reason = reason_of(error, LONGEST) or "no reason given"
    return (
        f"This configuration cannot be built: {type(error).__name__}: {reason} "
        f"(met in {Path(ours[-1].filename).name}, line {ours[-1].lineno}). "
        "Look at the overrides; --cfg job prints the whole configuration, and conf/ says what each value is."
    )
