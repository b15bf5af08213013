"""Values in the comments of a WFDB header, such as `# Age: 74`."""

from collections.abc import Sequence

SEX = {"male": 0.0, "m": 0.0, "female": 1.0, "f": 1.0}
PATIENT = {"sex": "0 male, 1 female", "age": "years"}
"""Units of what `sex_and_age` returns, by name."""


def comment_value(comments: Sequence[str], key: str) -> str:
    """Return the value behind `key:` in a header's comments, upper or lower case; "" where there is none."""
    for comment in comments:
        name, _, value = comment.partition(":")
        if name.strip(" #").lower() == key.lower():
            return value.strip()
    return ""


def sex_and_age(comments: Sequence[str]) -> tuple[float, float]:
    """Return sex and age of a header's patient, NaN where it gives none: `NaN`, `Unknown` or something else."""
    try:
        age = float(comment_value(comments, "age"))
    except ValueError:
        age = float("nan")
    return SEX.get(comment_value(comments, "sex").lower(), float("nan")), age if 0 <= age < 130 else float("nan")
