"""What is told to the user, not to the developer: shown without a traceback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOMEM

PREEMPTED, INTERRUPTED = 143, 130
"""Exit codes, as shells give them for SIGTERM and SIGINT."""
SHOWN = 300
"""Characters of a value in a message."""


RESULT = {"result": True}
"""Marks a line of the log as a command's result, `log.info(..., extra=RESULT)`: shown where logging is disabled too."""


class UserError(Exception):
    """A wrong input. The message says what was seen, what is accepted, and the override that fixes it."""


@contextmanager
def file_errors(name: str, value: object) -> Iterator[None]:
    """Raise the system's errors about a file or folder as UserError; `name` is the override that names it."""
    if "\0" in str(value):
        raise UserError(f"{name}={str(value)[:SHOWN]!a}: no file has a name with a NUL in it.")
    try:
        yield
    except OSError as error:
        raise UserError(f"{name}={str(value)[:SHOWN]!a} cannot be read or written: {error}.") from error


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error of Python, numpy, torch or the system says that memory is short."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == ENOMEM  # the text holds a file's name, which may hold any word
    words: tuple[str, ...] = ()
    if isinstance(error, RuntimeError):
        words = ("alloc", "out of memory", "start new thread")
    elif isinstance(error, OSError | ImportError):
        words = ("failed to map segment", "Cannot allocate memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def without_frames(text: str) -> str:
    """Return an error's text without the frames of C++ that torch appends."""
    return re.split(r"\n\s*Exception raised from|\n\s*frame #\d", text)[0]


def reason_of(error: BaseException, longest: int = SHOWN) -> str:
    """Return the words of another library's error in one line, without frames of C++."""
    return " ".join(without_frames(str(error)).split())[:longest]


class BadRecord(Exception):
    """A damaged or unusable record; `dataset.on_bad_record` decides whether it stops the run or is skipped."""

    def __init__(self, record: str, reason: str) -> None:
        super().__init__(f"{record}: {reason}")
        self.record = record
        self.reason = reason
