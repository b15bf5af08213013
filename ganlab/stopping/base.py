"""The base class of what ends a training."""

from typing import Any, ClassVar

from pytorch_lightning import Callback

from ganlab.core.kind import Kind


class Stopping(Callback):
    """A callback that sets the module's `planned_steps` and ends training; it may choose a checkpoint."""

    chooses_by: ClassVar[str] = ""
    """The part of the split by whose patients it chooses a checkpoint; empty where it chooses none."""

    def check(self, kind: Kind) -> None:
        """Raise UserError, before any data is read, for samples that it cannot work with."""

    def facts(self) -> dict[str, Any]:
        """Return what `run.json` holds of it after training: plain values by name."""
        return {}
