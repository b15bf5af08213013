"""Numbers as text for people."""

import math

REDUCED = "REDUCED: a narrow network, few samples an epoch, few epochs. This shows that it runs, not its result."
"""Warning on everything that a run with size=reduced writes."""


def number(value: object) -> str:
    """Return a number as text: thousands apart, four digits; a dash for None."""
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
    """Return seconds as hours, minutes and seconds; a dash for what is not a number."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest if not hours else 0, "s"))
    return " ".join(f"{value} {unit}" for value, unit in parts if value) or "0 s"


def counted(things: int, name: str) -> str:
    """Return a count with its noun: "1 window", "2 windows"."""
    return f"{number(things)} {name}" + ("" if things == 1 else "s")


def dashed(chance: float | None) -> str:
    """Return what the dashed line at `chance` means, to go behind a caption; nothing where there is none."""
    return "" if chance is None else f" Dashed: {100 * chance:.0f} %, the accuracy of guessing."


def p_value(value: float) -> str:
    """Return a p value with three decimals, one below 0.001 with one digit."""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"
