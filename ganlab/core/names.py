"""Names of classes, columns and categories: text, whatever YAML makes of them."""

from collections import Counter
from collections.abc import Iterable, Sequence

YAML = {
    "true": ("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"),
    "false": ("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"),
}
"""The words that YAML reads as true and as false where they stand without quotes."""
MOST_NAMES = 50
"""Names of columns in a message."""


def name_of(value: object) -> str:
    """Return a name of a configuration as text, such as `1` for the number; `true` for a yes without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def names_of(values: Iterable[object]) -> tuple[str, ...]:
    """Return the names of a configuration's list as text."""
    return tuple(map(name_of, values))


def repeated(names: Iterable[str]) -> list[str]:
    """Return the names that stand more than once, sorted."""
    return sorted(name for name, times in Counter(names).items() if times > 1)


def first_few(names: Sequence[str], count: int = 3) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def spelled(names: Sequence[str]) -> dict[str, int]:
    """Return the place of each name by every text that a file may spell it with: `yes` too where one is `true`."""
    others = {text: place for place, name in enumerate(names) for text in YAML.get(name, ())}
    return others | {name: place for place, name in enumerate(names)}
