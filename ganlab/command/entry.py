"""The entry point that all commands share: Hydra reads the configuration, and user errors end without a traceback."""

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from ganlab.core.errors import UserError
from ganlab.core.settings import CONF

log = logging.getLogger("ganlab")

Result = TypeVar("Result")
EXIT_CODE = 2


def command(name: str, config: str | None = None) -> Callable[[], Any]:
    """Return the function that runs `ganlab.command.<name>.main` with the configuration `conf/<config or name>.yaml`.

    The command's code is imported when its configuration has been composed, so that --help is quick.
    """

    def task(cfg: DictConfig) -> Any:
        return exit_on_user_error(lambda: import_module(f"ganlab.command.{name}").main(cfg))

    # Hydra names the job after the module of the function.
    task.__module__ = f"ganlab.{name}"
    return hydra.main(version_base="1.3", config_path=CONF, config_name=config or name)(task)


def arguments(cfg: DictConfig) -> dict[str, Any]:
    """Return the values of a command's configuration by name, for the function that does the work."""
    return {str(key): value for key, value in cfg.items()}


def exit_on_user_error(task: Callable[[], Result]) -> Result:
    """Return the result of a task; on a UserError log its message and exit with code 2, or fail a sweep's job alone."""
    try:
        return task()
    except UserError as error:
        log.error("%s", error)
        if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        sys.exit(EXIT_CODE)
