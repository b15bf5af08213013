"""Metrics of one lead of windows."""

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Kind, Window
from ganlab.metrics.base import Metric, SampleSet, check_finite


class LeadMetric(Metric):
    """A metric of one lead of windows, the first if none is named."""

    kinds = (Window,)
    in_millivolts = True

    def __init__(self, lead: str | None = None) -> None:
        self.lead = lead

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows that have the lead."""
        super().check(kind)
        assert isinstance(kind, Window)
        if self.lead is not None and self.lead not in kind.leads:
            raise UserError(f"lead={self.lead}: the windows' leads are {', '.join(kind.leads)}.")

    def place(self, kind: Kind) -> tuple[Window, int]:
        """Return the kind of the windows and the place of the lead in them. Raises UserError as `check` does."""
        self.check(kind)
        assert isinstance(kind, Window)
        return kind, 0 if self.lead is None else kind.leads.index(self.lead)


def one_lead(samples: SampleSet, place: int) -> Array:
    """Return windows `(N, samples)` in mV of one lead. Raises UserError where one holds NaN or infinity."""
    return check_finite(samples.values[:, place], "windows")
