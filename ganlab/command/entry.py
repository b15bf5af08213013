"""The entry point that all commands share: Hydra reads the configuration, and user errors end without a traceback."""

import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn, TypeVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

import ganlab.core.hydra_records
import ganlab.core.hydra_words  # noqa: F401  (what Hydra refuses, in words of the setting)
from ganlab.core.errors import INTERRUPTED, UserError, lacks_memory, reason_of
from ganlab.core.masking import without_credentials
from ganlab.core.settings import CONF, own_launchers
from ganlab.core.surroundings import find_own_classes, in_utf8, open_streams, with_moved_data

log = logging.getLogger("ganlab")

Result = TypeVar("Result")
EXIT_CODE = 2
MEMORY_ADVICE = (
    "Smaller values need less memory: batch_size, architecture.width, metrics.samples, num_workers=0, "
    "data_on_device=false; n or batch_size of ganlab.sample. Or give this process more memory."
)
own_launchers()
for chatty in ("pytorch_lightning", "mlflow", "alembic"):
    logging.getLogger(chatty).setLevel(logging.WARNING)


def command(name: str, config: str | None = None) -> Callable[[], Any]:
    """Return the function that runs `ganlab.command.<name>.main` with the configuration `conf/<config or name>.yaml`.

    The command's code is imported when its configuration has been composed, so that --help is quick.
    """

    def task(cfg: DictConfig) -> Any:
        show_results()
        return exit_on_user_error(lambda: import_module(f"ganlab.command.{name}").main(cfg))

    # Hydra names the job after the module of the function.
    task.__module__ = f"ganlab.{name}"
    begin = hydra.main(version_base="1.3", config_path=CONF, config_name=config or name)(task)

    def main() -> Any:
        open_streams()
        in_utf8(f"ganlab.{name}")
        find_own_classes(sys.argv[1:])
        sys.argv[1:] = without_credentials(with_moved_data(sys.argv[1:]), os.environ)
        return begin()

    return main


def show_results() -> None:
    """Show refusals and results where Hydra's job_logging is `disabled` or `none`; all else stays silent."""
    if log.hasHandlers() and not log.disabled:
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(lambda record: record.levelno >= logging.ERROR or hasattr(record, "result"))
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("ganlab.") and isinstance(logger, logging.Logger):
            logger.disabled = False
    log.disabled, log.propagate, log.handlers = False, False, [handler]
    log.setLevel(logging.INFO)


def arguments(cfg: DictConfig) -> dict[str, Any]:
    """Return the values of a command's configuration by name, for the function that does the work."""
    return {str(key): value for key, value in cfg.items()}


def overrides() -> list[str]:
    """Return the overrides of the command line, such as `dataset=ptbdb`, variables of the environment not resolved."""
    given = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)
    assert isinstance(given, list)
    return list(map(str, given))


def exit_on_user_error(task: Callable[[], Result]) -> Result:
    """Return the result of a task. On a UserError log its message and exit with code 2, or fail a sweep's job alone.

    A lack of memory ends the same way, Ctrl-C with exit code 130, both without a traceback.
    """
    try:
        return task()
    except UserError as error:
        _end(error)
    except KeyboardInterrupt:
        log.error("interrupted: only completely written files stay")
        sys.exit(INTERRUPTED)
    except (MemoryError, RuntimeError, OSError, ImportError) as error:
        if not lacks_memory(error):
            raise
        log.debug("memory is short", exc_info=True)
        _end(UserError(f"Memory is short: {type(error).__name__}: {reason_of(error)}. {MEMORY_ADVICE}"))


def _end(error: UserError) -> NoReturn:
    """Log the message and exit with code 2, or fail a sweep's job alone, without the traceback of other libraries."""
    log.error("%s", error)
    error.__cause__, error.__suppress_context__ = None, True
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise error
    sys.exit(EXIT_CODE)
