"""What is told to the user, not to the developer: shown without a traceback."""


class UserError(Exception):
    """A wrong input. The message says what was seen, what is accepted, and the override that fixes it."""


class BadRecord(Exception):
    """A damaged or unusable record; `dataset.on_bad_record` decides whether it stops the run or is skipped."""

    def __init__(self, record: str, reason: str) -> None:
        super().__init__(f"{record}: {reason}")
        self.record = record
        self.reason = reason
