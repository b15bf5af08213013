"""Metrics of the leads of windows, or of one of them."""

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Kind, Window, of_kind
from ganlab.metrics.base import Metric, SampleSet
from ganlab.metrics.needs import check_finite


class LeadMetric(Metric):
    """A metric of all leads of windows, or of one `lead`."""

    kinds = (Window,)
    in_millivolts = True

    def __init__(self, lead: str | None = None) -> None:
        self.lead = lead

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows that have the lead."""
        super().check(kind)
        if self.lead is not None and self.lead not in kind.leads:
            raise UserError(f"lead={self.lead}: the windows' leads are {', '.join(kind.leads)}.")

    def place(self, kind: Kind) -> tuple[Window, slice]:
        """Return the kind of the windows and the places of the leads in them. Raises UserError as `check` does."""
        self.check(kind)
        window = of_kind(kind, Window)
        first = 0 if self.lead is None else window.leads.index(self.lead)
        return window, slice(first, len(window.leads) if self.lead is None else first + 1)


def chosen_leads(samples: SampleSet, place: slice) -> Array:
    """Return windows `(N, leads, samples)` in mV of some leads. Raises UserError where one holds NaN or infinity."""
    return check_finite(samples.values[:, place], "windows")
