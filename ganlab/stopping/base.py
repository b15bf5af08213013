"""What ends a training."""

from typing import Any

from pytorch_lightning import Callback

from ganlab.core.kind import Kind


class Stopping(Callback):
    """A callback that tells the module how many steps are planned, and ends training; it may choose a checkpoint."""

    def check(self, kind: Kind) -> None:
        """Before any data is read: raise UserError for samples with which it cannot work."""

    def facts(self) -> dict[str, Any]:
        """What run.json says of it after training, plain values by name."""
        return {}
