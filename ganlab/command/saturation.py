"""How much of each part's data lies beyond the range that training sees."""

import logging
from copy import deepcopy

from ganlab.codec import Codec
from ganlab.dataset.module import PARTS, Data
from ganlab.dataset.source import Skipped

log = logging.getLogger(__name__)

LOUD = 0.05
"""Share of a part's values beyond the range from which it is a warning."""


def beyond_range(data: Data, codec: Codec) -> list[Skipped]:
    """Return, and log, the parts of which much saturates, such as that of a patient whose electrodes have an offset."""
    standardization = deepcopy(codec.standardization)
    train = data.train.to_fit()
    standardization.fit(train)
    lines = []
    for name in PARTS:
        part = data.part(name, as_trained=True)
        if not len(part):
            continue
        few = train if name == "train" else part.to_fit()
        share = int(standardization.encode(few).saturated) / few.numel()
        if share >= LOUD:
            reason = (
                f"{100 * share:.0f} % of its values are beyond the range of the standardization and are cut; "
                "standardization=centred_range and adapted_range follow the level of each window"
            )
            lines.append(Skipped(f"part {name}", reason, len(part), data.kind.noun))
            log.warning("%s: %s: %s", data.source.name, lines[-1].record, reason)
    return lines
