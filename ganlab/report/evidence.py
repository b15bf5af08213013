"""The page of evidence: how far generated samples are from real ones, and which numbers can be trusted to say so.

Every number is drawn on one scale: its distance from the best value, over that of the far end of what other real
persons have. At 1 or below a set is within the range of real samples; `ganlab.evaluation.evidence.seen` asks the same
of controls.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ganlab.core.files import write_whole
from ganlab.core.kind import Kind
from ganlab.core.words import counted, number
from ganlab.evaluation.evidence import Evidence, Row, best, reach, seen, unseen
from ganlab.metrics.base import SampleSet
from ganlab.plot.ecg_paper import png_bytes
from ganlab.report import page
from ganlab.report.page import Html
from ganlab.report.privacy import attacks
from ganlab.report.samples import by_class, compare

RISK = "The risk to the patients whose records trained the generator has not been measured here."
MEASURED = "The numbers below privacy/ say what was measured of the risk to the patients, not that there is none."

DPI = 170
LONG = 8
"""Tables are folded where there are more numbers."""
LEAST, MOST = 0.1, 1000.0
"""Ends of the scale; what is beyond is drawn at the end."""
WORST = 3
"""Numbers named as the farthest off."""

_GREY, _INK, _ALARM, _GENERATED, _REAL, _RANGE = "#5f646c", "#1d1f23", "#b00020", "#0072b2", "#00795a", "#dff0e8"
_NAMES = {
    "copy": "copy",
    "noisy_copy": "noisy copy",
    "collapsed": "collapsed",
    "noise": "noise",
    "bootstrap": "bootstrap",
    "pca_gaussian": "PCA-Gaussian",
}
"""What stands beside a set, as it is called on the page."""
_MARKERS: Mapping[str, Mapping[str, Any]] = {
    "copy": {"marker": "s", "color": _GREY},
    "noisy_copy": {"marker": "D", "color": _GREY},
    "collapsed": {"marker": "v", "color": _GREY},
    "noise": {"marker": "x", "color": _GREY},
    "bootstrap": {"marker": "+", "color": "#d55e00"},
    "pca_gaussian": {"marker": "^", "color": "#d55e00"},
}
_BASELINES = {
    "pca_gaussian": "the PCA-Gaussian sampler",
    "bootstrap": "training samples drawn again with a little noise (bootstrap)",
}
_HEAD = {
    "data_set": "real data",
    "compared_with": "compared with",
    "judged": "generated samples",
    "reference_samples": "real samples",
    "reference_persons": "persons of these",
    "training_persons": "persons of the training part",
}
"""Facts in large type."""
_WARNINGS = ("both_halves_trained", "trained_by_unknown", "other_data")
"""Facts that are said loudly."""
_SETTINGS = ("command", "split", "split_seed", "draws_of_persons", "version", "code", "settings")
"""Facts that are folded away."""
_STYLE = Html("""<style>
.alarm { margin: 1rem 0; padding: .7rem 1rem; border: 2px solid var(--alarm-line); border-left-width: 10px;
  border-radius: 8px; background: var(--alarm-paper); color: var(--alarm); }
.alarm strong { font-size: 1.15rem; }
.evidence td:first-child { min-width: min(19em, 42vw); }
.evidence th, .evidence td { font-size: .86rem; padding-right: .7rem; }
.evidence th.number { white-space: normal; vertical-align: bottom; }
.nothing, .missed { color: var(--alarm); font-weight: 700; }
.nothing { display: block; font-size: .86rem; }
.missed { background: var(--alarm-paper); border-radius: 4px; padding: 0 .25em; }
.told, .untested { color: var(--soft); }
.untested { display: block; font-size: .86rem; }
</style>""")

_EMPTY: Row = {
    "synthetic": None,
    "interval": [None, None],
    "real": None,
    "floor": None,
    "floor_interval": [None, None],
    "controls": {},
    "baselines": {},
    "unit": "",
    "meaning": "",
    "best": None,
    "sees": [],
}


def write_evidence(
    folder: Path,
    kind: Kind,
    real: SampleSet,
    synthetic: SampleSet,
    evidence: Evidence,
    facts: Mapping[str, Any],
    classes: Sequence[str],
) -> Path:
    """Write `folder/report.html`, what is known of the generated samples beside real ones, and return its path.

    `real` and `synthetic` are drawn beside each other, a few of each of the `classes` where the labels are known.
    `facts` say who was judged against whom: text, numbers and lists by name.
    """
    labels = synthetic.labels if len(classes) > 1 and len(synthetic) else None
    privacy = any(name.startswith("privacy/") for name in evidence.rows)
    shown = [] if labels is None else by_class(kind, synthetic.values, labels, classes)
    blocks = [
        page.banner(),
        page.heading(page.breakable(facts.get("run") or facts.get("synthetic") or "Generated samples"), 1),
        page.paragraph(
            "Generated samples beside real ones, and beside sets that show what each number can see.", "lead"
        ),
        _compared(facts),
        page.section("Real beside synthetic", *compare(kind, real.values, synthetic.values)),
        page.section("Generated by class", *shown) if shown else "",
        *sections(evidence.rows, evidence.left_out, facts.get("draws_of_persons"), evidence.shown),
        page.section("The persons behind the data", page.paragraph(MEASURED if privacy else RISK)),
        _settings(facts),
    ]
    target = Path(folder) / "report.html"
    return write_whole(target, page.page("Evidence", blocks, _footer(facts)))


def sections(
    rows: Mapping[str, Any],
    left_out: Sequence[str] = (),
    draws: int | None = None,
    shown: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Html]:
    """What the numbers say together, a picture and a table of each family, and what was not measured.

    `rows` are those of `ganlab.evaluation.evidence.evidence`, as they are or read from JSON; a bare number is one of
    the generated samples. What is missing in a row is left blank. `draws` is how many draws of persons make an
    interval; `shown` is what is drawn of attacks.
    """
    known = {str(name): complete(row) for name, row in rows.items()}
    blocks = []
    if known:
        blocks.append(page.section("In short", _STYLE, _alarm(known), *map(page.paragraph, summary(known))))
        blocks.append(attacks(known, shown or {}))
        blocks.append(_pictures(known))
        blocks.append(page.section("Every number", page.paragraph(_legend(known, draws), "muted"), *_tables(known)))
    if left_out:
        blocks.append(page.section("Not measured", page.items(left_out)))
    return [block for block in blocks if block]


def complete(row: object) -> Row:
    """A row with every key, and None for what is no number; a bare number is that of the generated samples."""
    given = row if isinstance(row, Mapping) else {"synthetic": row}
    whole = _EMPTY | {key: given[key] for key in _EMPTY if given.get(key) is not None}
    whole |= {key: _finite(whole[key]) for key in ("real", "floor", "best")}
    whole |= {key: [_finite(end) for end in whole[key]] for key in ("interval", "floor_interval")}
    whole |= {key: {name: _finite(of) for name, of in whole[key].items()} for key in ("controls", "baselines")}
    return whole


def relative(row: Row, value: float | None) -> float | None:
    """The distance of a value from the best over the reach of real samples; None where one of them is not known."""
    perfect, far, known = best(row), reach(row), _finite(value)
    if perfect is None or far is None or known is None:
        return None
    distance = abs(known - perfect)
    if far == 0:
        return math.inf if distance else 0.0
    return distance / far


def repeats(rows: Mapping[str, Row]) -> list[str]:
    """Numbers that must see a copy of the training samples and find the generated ones to be like that.

    Those of attacks are left to their own section, which corrects for how many attacks were tried.
    """
    found = []
    for name, row in rows.items():
        if name.startswith("privacy/"):
            continue
        off, copied, perfect = relative(row, row["synthetic"]), row["controls"].get("copy"), best(row)
        if "copy" not in row["sees"] or off is None or perfect is None:
            continue
        alike = copied is None or (row["synthetic"] - perfect) * (copied - perfect) > 0
        if off > 1 and alike and seen(row).get("copy", True):
            found.append(name)
    return found


@dataclass(frozen=True)
class Tally:
    """What numbers say together: those that can be judged, and their distances over the reach of real samples."""

    judged: Mapping[str, float]
    nothing: Sequence[str]
    untested: Sequence[str]
    blank: Sequence[str]


def tally(rows: Mapping[str, Row]) -> Tally:
    """Part the numbers: that can be judged, prove nothing, no control tests, have nothing to be compared with."""
    nothing = list(unseen(rows))
    all_off = {name: relative(row, row["synthetic"]) for name, row in rows.items() if name not in nothing}
    known = {name: off for name, off in all_off.items() if off is not None}
    judged = {name: off for name, off in known.items() if tested(rows[name])}
    untested = [name for name in known if name not in judged]
    return Tally(judged, nothing, untested, [name for name in all_off if name not in known])


def tested(row: Row) -> bool:
    """Whether a control puts the number to the test: one that it must tell from real samples, and that is there."""
    return any(row["controls"].get(control) is not None for control in row["sees"])


def summary(rows: Mapping[str, Row]) -> list[str]:
    """A few sentences, computed."""
    found = tally(rows)
    within = [name for name, off in found.judged.items() if off <= 1]
    said = [
        f"Of {counted(len(found.judged), 'number')} that a control tests the generated samples are within the range of "
        f"other real persons in {len(within)}. {_against(rows, found)}"
        if found.judged
        else f"None of {counted(len(rows), 'number')} counts: it takes other real persons and a control that tests it."
    ]
    off = [name for name in found.judged if name not in within and math.isfinite(found.judged[name])]
    worst = sorted(off, key=lambda name: -found.judged[name])
    if worst:
        named = ", ".join(f"{name} ({_times(found.judged[name])})" for name in worst[:WORST])
        said.append(f"Farthest off, as multiples of the far end of the real range: {named}.")
    if found.nothing:
        said.append(
            f"Not counted, because a set that must stand out does not: {', '.join(found.nothing)}. "
            f"On these data {'it proves' if len(found.nothing) == 1 else 'they prove'} nothing."
        )
    if found.untested:
        said.append(
            f"Not counted, because no control tests what {'it' if len(found.untested) == 1 else 'they'} can see: "
            f"{counted(len(found.untested), 'number')}, marked in the tables."
        )
    if found.blank:
        some = "it has" if len(found.blank) == 1 else "they have"
        said.append(f"Not counted, because {some} no value or nothing to stand beside: {', '.join(found.blank)}.")
    return said


def _against(rows: Mapping[str, Row], found: Tally) -> str:
    """How often the generated samples are nearer to the best than a baseline, and how often beyond doubt."""
    parts = []
    for baseline, called in _BASELINES.items():
        pairs = {
            name: other
            for name in found.judged
            if (other := relative(rows[name], rows[name]["baselines"].get(baseline))) is not None
        }
        nearer = [name for name, other in pairs.items() if found.judged[name] < other]
        sure = [name for name in nearer if _far_end(rows[name]) < pairs[name]]
        if pairs:
            parts.append(f"than {called} in {len(nearer)} of {len(pairs)} (with the whole interval in {len(sure)})")
    return f"They are nearer to the best {', and '.join(parts)}." if parts else ""


def _far_end(row: Row) -> float:
    """Of the interval of the generated samples; infinite where there is none."""
    span = _span(row)
    return span[1] if span else math.inf


def _span(row: Row) -> tuple[float, float] | None:
    """The interval of the generated samples on the scale of the picture."""
    ends = [off for end in row["interval"] if (off := relative(row, end)) is not None]
    if len(ends) < 2:
        return None
    low, high = row["interval"]
    perfect = best(row)
    around = perfect is not None and low <= perfect <= high
    return (0.0 if around else min(ends), max(ends))


def _times(off: float) -> str:
    return f"over {MOST:g}" if off > MOST else f"{off:.2g}" if off < 10 else f"{off:.0f}"


def _alarm(rows: Mapping[str, Row]) -> Html:
    """Loud where training samples are repeated."""
    found = repeats(rows)
    if not found:
        return Html("")
    said = [
        Html(
            f"{page.breakable(name)}: {_plain(row, 'synthetic', 'interval')}; "
            f"other real persons {_plain(row, 'floor', 'floor_interval')}, "
            f"a copy of the training samples {_short(row['controls'].get('copy'))}"
        )
        for name in found
        for row in (rows[name],)
    ]
    return Html(
        '<div class="alarm" role="alert"><strong>Training samples are repeated.</strong>'
        + page.paragraph(
            "The generated samples are nearer to those that trained the generator than samples of other real persons "
            "are. Before anything is shared or reported, look at the nearest pairs."
        )
        + page.items(said)
        + "</div>"
    )


def _plain(row: Row, value: str, interval: str) -> str:
    low, high = row[interval]
    around = "" if low is None or high is None else f" [{_short(low)}, {_short(high)}]"
    return _short(row[value]) + around


# The picture


def _families(rows: Mapping[str, Row]) -> dict[str, dict[str, Row]]:
    """Rows by what stands before the slash in their names."""
    found: dict[str, dict[str, Row]] = {}
    for name, row in rows.items():
        found.setdefault(name.partition("/")[0], {})[name] = row
    return found


def _pictures(rows: Mapping[str, Row]) -> Html:
    end, sides, heights = _end(rows), ([], []), [0, 0]  # type: tuple[float, tuple[list[Html], list[Html]], list[int]]
    for family, members in _families(rows).items():
        drawn = {name: row for name, row in members.items() if relative(row, row["synthetic"]) is not None}
        if drawn:
            shorter = heights.index(min(heights))
            sides[shorter].append(_picture(family, drawn, end))
            heights[shorter] += len(drawn) + 2
    if not any(heights):
        return Html("")
    said = (
        "How far from the best each number is, in multiples of the far end of what other real persons have: in the "
        "shaded range, up to 1, a set is as real samples are. Lower is better. Grey controls tell what a number can "
        "see: a collapsed or noisy set in the shaded range fools that number, and a copy of the training samples "
        "fools all but those that look for copies. A generator has to beat the orange baselines."
    )
    return page.section(
        "How far from real", page.paragraph(said, "muted"), page.columns(*map(page.join, filter(None, sides)))
    )


def _picture(family: str, rows: Mapping[str, Row], end: float) -> Html:
    picture = png_bytes(draw_family(rows, end), DPI)
    caption = f"{family}. {page.NOTICE}"
    return page.join([page.heading(family, 3), page.figure(picture, caption, f"{family}: distances from the best")])


def _end(rows: Mapping[str, Row]) -> float:
    """The right end of the scale of all pictures: the next power of ten, between 10 and the greatest."""
    offs = [off for row in rows.values() for off in (_drawn(row) or {}).values()]
    most = max((off for off in offs if math.isfinite(off)), default=10.0)
    beyond = any(math.isinf(off) for off in offs)
    return MOST if beyond else min(MOST, 10.0 ** math.ceil(math.log10(max(most, 10.0))))


def _drawn(row: Row) -> dict[str, float]:
    """The distances of a number's columns over the reach of real samples, those that are known."""
    values = {"synthetic": row["synthetic"], "floor": row["floor"]} | row["controls"] | row["baselines"]
    offs = {name: relative(row, value) for name, value in values.items()}
    span = _span(row)
    ends = {"interval": span[1]} if span else {}
    return {name: off for name, off in offs.items() if off is not None} | ends


def draw_family(rows: Mapping[str, Row], end: float = MOST) -> Figure:
    """Distances from the best on a log scale from `LEAST` to `end`, a line a number; what is beyond is at the ends."""
    figure = Figure(figsize=(4.8, 0.95 + 0.5 * len(rows)), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    flagged = unseen(rows)
    axes.axvspan(LEAST / 1.3, 1, color=_RANGE, linewidth=0, zorder=0)
    for place, (name, row) in enumerate(rows.items()):
        _line(axes, place, name, row, end, name in flagged)
    _dress(axes, len(rows), end)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(
        once.values(),
        once.keys(),
        loc="outside upper left",
        ncols=4,
        frameon=False,
        fontsize=8.2,
        handletextpad=0.2,
        columnspacing=0.8,
        labelcolor=_INK,
    )
    return figure


def _line(axes: Axes, place: int, name: str, row: Row, end: float, flagged: bool) -> None:
    offs, span = _drawn(row), _span(row)
    above, below = place + 0.02, place + 0.27
    if place:
        axes.axhline(place - 0.52, color="#e8e8e8", linewidth=0.6, zorder=0.5)
    if "floor" in offs:
        axes.plot(
            *_at(offs["floor"], above, end), "|", color=_REAL, ms=11, mew=2, label="other real persons", gid="floor"
        )
    if span:
        axes.plot([_within(each, end) for each in span], [above, above], color=_GENERATED, linewidth=2.2, gid="span")
    axes.plot(*_at(offs["synthetic"], above, end), "o", color=_GENERATED, ms=6.5, label="generated", gid="synthetic")
    for column, style in _MARKERS.items():
        if column in offs:
            look = {"linestyle": "", "ms": 5.2, "mfc": "none", "mew": 1.2, **style}
            axes.plot(*_at(offs[column], below, end), label=_NAMES[column], gid=column, **look)
    said = f"{_short_name(name)}: proves nothing here" if flagged else _short_name(name)
    words: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "parse_math": False}
    axes.text(0.012, place - 0.3, said, color=_ALARM if flagged else _INK, fontsize=8.8, ha="left", **words)
    axes.text(0.988, place - 0.3, _values(row), color=_GREY, fontsize=7.8, ha="right", **words)


def _values(row: Row) -> str:
    """The generated samples' value and that of other real persons, as they are."""
    real = "" if row["floor"] is None else f", real {_short(row['floor'])}"
    return f"{_short(row['synthetic'])}{real} {row['unit']}".rstrip()


def _at(off: float, line: float, end: float) -> tuple[list[float], list[float]]:
    return [_within(off, end)], [line]


def _within(off: float, end: float) -> float:
    return min(max(off, LEAST), end)


def _dress(axes: Axes, lines: int, end: float) -> None:
    ticks = [10.0**power for power in range(-1, round(math.log10(end)) + 1)]
    names = [f"{tick:g}" for tick in ticks]
    names[0] = f"≤ {names[0]}"
    names[-1] = f"≥ {names[-1]}" if end == MOST else names[-1]
    axes.set_xscale("log")
    axes.set_xlim(LEAST / 1.3, end * 1.35)
    axes.set_ylim(lines - 0.5, -0.55)
    axes.set_xticks(ticks, names)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks([])
    axes.axvline(1, color=_REAL, linewidth=0.9, zorder=0.9)
    axes.grid(axis="x", color="#e8e8e8", linewidth=0.6, zorder=0.4)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=9, colors=_GREY)
    axes.set_xlabel("distance from the best; 1: the far end of other real persons", color=_GREY, fontsize=8.8)


# The table


def _legend(rows: Mapping[str, Row], draws: int | None) -> Html:
    many = "" if draws is None else f"{page.text(number(draws))} "
    parts = [
        f"Below a value stands its 95 % interval: the quantiles of {many}draws of persons with replacement, moved so "
        "that the mean of the draws is the number; samples of nobody, as generated ones, are drawn one by one. A share "
        "that is 0 or 1 in every draw has the interval of the rule of three. Best is what a perfect generator has, or "
        "the value of the real samples themselves. Other real persons: the same number of real samples of other "
        "persons. ",
        '<span class="told">✓</span> told from real samples: farther from the best than other real persons. ',
    ]
    if unseen(rows):
        parts.append(
            '<span class="missed">✗</span> must be told from real samples, and is not: the number proves nothing here. '
        )
    if not all(map(tested, rows.values())):
        parts.append("Not tested by a control: no control is there that the number must tell from real samples.")
    return Html("".join(parts))


def _tables(rows: Mapping[str, Row]) -> list[Html]:
    folded = len(rows) > LONG
    blocks = []
    for family, members in _families(rows).items():
        table = Html(f'<div class="evidence">{_table(members)}</div>')
        title = f"{family}: {_said(members)}"
        blocks.append(page.details(title, table) if folded else page.join([page.heading(title, 3), table]))
    return blocks


def _said(rows: Mapping[str, Row]) -> str:
    """How many numbers, how many of them as real ones, how many that prove nothing."""
    found = tally(rows)
    within = sum(off <= 1 for off in found.judged.values())
    parts = [counted(len(rows), "number")]
    if found.judged:
        parts.append(f"{within} of {len(found.judged)} within the range of other real persons")
    if found.untested:
        parts.append(f"{len(found.untested)} not tested by a control")
    if found.nothing:
        parts.append(f"{len(found.nothing)} {'proves' if len(found.nothing) == 1 else 'prove'} nothing here")
    return ", ".join(parts)


def _table(rows: Mapping[str, Row]) -> Html:
    """A row a number; columns in which nothing stands are left out."""
    missed = unseen(rows)
    cells = [_cells(name, row, missed.get(name, [])) for name, row in rows.items()]
    header = ["number", "generated", "best", "other real persons", *_NAMES.values()]
    kept = [place for place in range(len(header)) if place < 2 or any(row[place] != "–" for row in cells)]
    shown = [[row[place] for place in kept] for row in cells]
    return page.table(shown, [header[place] for place in kept], range(1, len(kept)))


def _cells(name: str, row: Row, missed: Sequence[str]) -> list[object]:
    told = seen(row)
    return [
        _title(name, row, bool(missed)),
        _with_interval(row["synthetic"], row["interval"]),
        _best(row),
        _with_interval(row["floor"], row["floor_interval"]),
        *(
            _control(row["controls"].get(column, row["baselines"].get(column)), told.get(column), column in missed)
            for column in _NAMES
        ),
    ]


def _title(name: str, row: Row, nothing: bool) -> Html:
    """The number without its family, which stands above the table, its unit, and what it says."""
    parts = [
        page.breakable(_short_name(name)),
        Html(f'<span class="told">{page.text(row["unit"])}</span>') if row["unit"] else "",
        Html('<span class="nothing">proves nothing here</span>') if nothing else "",
        "" if tested(row) else Html('<span class="untested">not tested by a control</span>'),
        Html(f"<small>{page.text(row['meaning'])}</small>") if row["meaning"] else "",
    ]
    return page.join(filter(None, parts))


def _short_name(name: str) -> str:
    return name.partition("/")[2] or name


def _best(row: Row) -> object:
    perfect = best(row)
    if perfect is None:
        return "–"
    return Html(f"{_short(perfect)}<small>{'as real' if row['best'] is None else 'perfect'}</small>")


def _with_interval(value: float | None, interval: Sequence[float | None]) -> object:
    low, high = interval
    around = "" if low is None or high is None else f"<small>{_short(low)} to {_short(high)}</small>"
    return Html(f"{page.text(_short(value))}{around}") if around else _short(value)


def _control(value: float | None, told: bool | None, missed: bool) -> object:
    if missed:
        return Html(f'<span class="missed">{_short(value)} ✗</span>')
    return Html(f'{_short(value)} <span class="told">✓</span>') if told else _short(value)


# Facts


def _compared(facts: Mapping[str, Any]) -> Html:
    """Who was judged against whom."""
    large = [(legend, number(facts[key])) for key, legend in _HEAD.items() if facts.get(key) is not None]
    known = {key: value for key, value in facts.items() if key not in (*_HEAD, *_WARNINGS, *_SETTINGS)}
    warnings = [Html(f'<div class="alarm">{page.text(facts[key])}</div>') for key in _WARNINGS if facts.get(key)]
    simulated = "The samples that stand for real ones on this page are simulated." if facts.get("simulated") else ""
    blocks = [
        page.facts(large) if large else "",
        page.paragraph(simulated) if simulated else "",
        *warnings,
        page.details("What was judged, and how it was brought to common ground", _fact_table(known)) if known else "",
    ]
    return page.join(filter(None, [_STYLE if warnings else "", *blocks]))


def _settings(facts: Mapping[str, Any]) -> Html:
    known = {key: facts[key] for key in _SETTINGS if facts.get(key) is not None}
    if not known:
        return Html("")
    command = known.pop("command", None)
    said = " ".join(map(str, command)) if isinstance(command, list | tuple) else command
    blocks = [page.code(said) if said else "", _fact_table(known) if known else ""]
    return page.details("Settings", page.join(filter(None, blocks)))


def _fact_table(facts: Mapping[str, Any]) -> Html:
    return page.table([(str(key).replace("_", " "), _fact(value)) for key, value in facts.items()])


def _fact(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_fact(each)}" for key, each in value.items()) or "–"
    return number(value) or "–"


def _footer(facts: Mapping[str, Any]) -> Html:
    known = {"ganlab": facts.get("version"), "commit": facts.get("code")}
    made = ", ".join(f"{name} {value}" for name, value in known.items() if value)
    care = "The page also shows real samples: who may not see the data may not see the page."
    lines = [
        Html(f"<strong>{page.text(page.NOTICE)}</strong>"),
        "" if facts.get("simulated") else care,
        f"Judged by {made}." if made else "",
    ]
    return page.join(map(page.paragraph, filter(None, lines)))


def _short(value: object) -> str:
    """A number with the three digits that an interval leaves."""
    known = _finite(value)
    return number(value if known is None else float(f"{known:.3g}"))


def _finite(value: object) -> float | None:
    """A number that is finite, else None."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]
