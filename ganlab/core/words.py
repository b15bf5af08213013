"""Numbers as people read them."""

import math

REDUCED = "REDUCED: a narrow network, few samples an epoch, few epochs. To try the experiment, not to judge it."
"""Of a run with size=reduced."""


def number(value: object) -> str:
    """A number as people read it: thousands apart, four digits; a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinite"
    if isinstance(value, int) or (value == int(value) and abs(value) >= 1000):
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.4g}".replace("-", "−")


def duration(seconds: object) -> str:
    """Seconds as hours, minutes and seconds."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest if not hours else 0, "s"))
    return " ".join(f"{value} {unit}" for value, unit in parts if value) or "0 s"


def counted(things: int, name: str) -> str:
    """How many there are: "1 window", "2 windows"."""
    return f"{number(things)} {name}" + ("" if things == 1 else "s")


def dashed(chance: float | None) -> str:
    """What the dashed line at `chance` means, to go behind a caption; nothing where there is none."""
    return "" if chance is None else f" Dashed: {100 * chance:.0f} %, the share that guesses get right."


def p_value(value: float) -> str:
    """A p value with three decimals, a smaller one with one digit."""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"
