"""What attacks on the persons who trained have found, in words, a table and pictures, each beside its controls."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ganlab.core.words import counted, number
from ganlab.evaluation.evidence import Row, unseen
from ganlab.plot.ecg_paper import png_bytes
from ganlab.report import page
from ganlab.report.page import Html

DPI = 150
SURE = 0.05
"""A p value below which members are said to be told from non-members."""
_GREY, _INK, _GENERATED, _REAL, _MEMBER = "#5f646c", "#1d1f23", "#0072b2", "#00795a", "#d55e00"
_SETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "copy": ("copy of the training samples", {"color": _GREY, "linestyle": "-", "linewidth": 1.1}),
    "noisy_copy": ("copy with noise", {"color": _GREY, "linestyle": "--", "linewidth": 1.1}),
    "floor": ("other persons (negative control)", {"color": _REAL, "linestyle": "-", "linewidth": 1.3}),
    "synthetic": ("generated", {"color": _GENERATED, "linestyle": "-", "linewidth": 2.2}),
}
"""What is drawn of an attack, the generated samples last."""
_BARS = ("synthetic", "copy", "noisy_copy", "floor")

Shown = Mapping[str, Any]
"""What `ganlab.metrics.privacy.windows` and `table_privacy` say of a set to be drawn."""


def attacks(rows: Mapping[str, Row], shown: Mapping[str, Mapping[str, Shown]]) -> Html:
    """A section on the attacks; nothing where none was made.

    `rows` are complete rows of numbers, `shown` is `ganlab.evaluation.evidence.Evidence.shown`.
    """
    found = [columns for columns in shown.values() if columns.get("synthetic", {}).get("attacks")]
    return page.join(_section(rows, columns) for columns in found)


def _section(rows: Mapping[str, Row], columns: Mapping[str, Shown]) -> Html:
    own = columns["synthetic"]
    names = list(own["attacks"])
    blocks = [
        page.paragraph(_who(own)),
        _headline(rows, own),
        page.items(_found(rows, own)),
        page.figure(
            png_bytes(draw_curves(columns, names), DPI),
            "Persons who trained that are found, against persons who did not that are taken for them, as the threshold "
            f"of the attack falls. On the diagonal an attack guesses. {page.NOTICE}",
            "ROC curves of the attacks, of the generated samples and of the controls",
        ),
        page.figure(
            png_bytes(draw_scores(own, names), DPI),
            "The score that an attack on the generated samples gives each person, as its rank among all: where nothing "
            f"is given away, those who trained and those who did not are spread alike. {page.NOTICE}",
            "scores of persons who trained and of persons who did not",
        ),
        _linkage(columns),
        _attributes(columns),
        _table(rows, names),
        page.paragraph(_limits(own), "muted"),
    ]
    return page.section("Attacks on the persons who trained", *filter(None, blocks))


def _who(own: Shown) -> str:
    several = f", {counted(own['windows'], 'sample')} in all" if own["windows"] > own["members"] * 2 else ""
    return (
        f"Under attack: {own['members']} persons who trained the generator, and {own['nonmembers']} of the same "
        f"classes of whom it has seen nothing and who chose nothing{several}. Each attack says of each person how "
        f"likely they trained. {own['known']} persons in neither set are known to whoever attacks; {own['strangers']} "
        "others are the negative control: their real samples in the place of generated ones."
    )


def _headline(rows: Mapping[str, Row], own: Shown) -> Html:
    best, row = own["strongest"], rows.get("privacy/strongest_auc")
    around = "" if row is None or None in row["interval"] else f" [{row['interval'][0]:.2f}, {row['interval'][1]:.2f}]"
    said = (
        f"The strongest of {counted(best['attacks'], 'attack')} is {best['attack']}: AUC {best['auc']:.2f}{around}, "
        f"p = {_p(best['p'])} against {number(best['permutations'])} permutations of who trained, of each of which the "
        "strongest attack was taken."
    )
    missed = unseen({"privacy/strongest_auc": row}) if row else {}
    if missed:
        return Html(
            f'<div class="alarm" role="alert"><strong>These attacks prove nothing here.</strong>'
            f"{page.paragraph('They miss a control that must be caught.')}{page.paragraph(said)}</div>"
        )
    if best["p"] > SURE:
        return page.paragraph(
            f"{said} That is no more than chance gives (up to {best['chance_95']:.2f} in 19 of 20 permutations)."
        )
    return Html(
        '<div class="alarm" role="alert"><strong>Persons who trained are told from others.</strong>'
        f"{page.paragraph(said)}</div>"
    )


def _found(rows: Mapping[str, Row], own: Shown) -> list[str]:
    """A sentence an attack: with what knowledge, what was found, with its interval."""
    return [
        f"{name}: knowing {own['knows'].get(name, 'the samples')}, AUC "
        f"{_value(rows.get(f'privacy/{name}_auc'), found['auc'])}; "
        f"{_percent(rows.get(f'privacy/{name}_tpr_10'))} of those who trained at 10 % false alarms."
        for name, found in own["attacks"].items()
    ]


def _limits(own: Shown) -> str:
    gallery = (
        " The other recordings by which persons are linked trained the generator too, where a person has several."
        if own.get("gallery_trained") and "linkage" in own["attacks"]
        else ""
    )
    return (
        f"With {own['members']} and {own['nonmembers']} persons an attack whose AUC is {own['least_auc']:.2f} or more "
        "would have been found with a power of 80 % (one-sided test at 5 %); what is less may be there and unseen. "
        f"The greatest lower bound of epsilon that so many persons can show is {own['greatest_epsilon']:.2f}. An "
        "attack that finds nothing has found nothing with what it knew: others may." + gallery
    )


def _table(rows: Mapping[str, Row], names: Sequence[str]) -> Html:
    missed = unseen(rows)
    header = ["attack", "AUC", "found at 10 %", "found at 1 %", "epsilon ≥", "copy", "copy with noise", "other persons"]
    lines = []
    for name in names:
        row = rows.get(f"privacy/{name}_auc")
        if row is None:
            continue
        controls = [_control(row, column, missed.get(f"privacy/{name}_auc", [])) for column in ("copy", "noisy_copy")]
        lines.append(
            [
                name,
                _value(row),
                *(_value(rows.get(f"privacy/{name}_{rate}")) for rate in ("tpr_10", "tpr_1")),
                _value(rows.get(f"privacy/{name}_epsilon")),
                *controls,
                _interval(row["floor"], row["floor_interval"]),
            ]
        )
    said = (
        "By person, with 95 % intervals of draws of persons. Beside them the AUC of the same attack on a copy of the "
        "training samples, on a copy with visible noise (✗: must be found, and is not) and on samples of other persons."
    )
    return page.join([page.table(lines, header, range(1, len(header))), page.paragraph(said, "muted")])


def _control(row: Row, column: str, missed: Sequence[str]) -> str:
    value = row["controls"].get(column)
    return "–" if value is None else f"{value:.2f}{' ✗' if column in missed else ''}"


def _value(row: Row | None, otherwise: float | None = None) -> str:
    if row is None:
        return "–" if otherwise is None else f"{otherwise:.2f}"
    return _interval(row["synthetic"], row["interval"])


def _interval(value: float | None, ends: Sequence[float | None]) -> str:
    if value is None:
        return "–"
    low, high = ends
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _percent(row: Row | None) -> str:
    if row is None or row["synthetic"] is None:
        return "–"
    low, high = row["interval"]
    around = "" if low is None or high is None else f" [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * row['synthetic']:.0f}{around} %"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"


# Pictures


def draw_curves(columns: Mapping[str, Shown], names: Sequence[str]) -> Figure:
    """ROC curves of persons: a panel an attack, a line a set."""
    wide = min(3, len(names))
    figure, panels = _panels(names, wide, 2.9)
    for axes, name in zip(panels, names, strict=False):
        axes.plot([0, 1], [0, 1], color="#c9cbd0", linewidth=0.9, zorder=0)
        for column, (said, look) in _SETS.items():
            found = columns.get(column, {}).get("attacks", {}).get(name)
            if found:
                axes.plot(*found["curve"], drawstyle="steps-post", label=said, gid=column, **look)
                if column == "synthetic":
                    axes.set_title(f"{name}, AUC {found['auc']:.2f}", fontsize=9.5, color=_INK, loc="left")
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.01)
        axes.set_xticks([0, 0.5, 1])
        axes.set_yticks([0, 0.5, 1])
        axes.set_xlabel("found among those who did not train", fontsize=7.8, color=_GREY)
        axes.set_ylabel("found among those who trained", fontsize=7.8, color=_GREY)
        _plain(axes)
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=4, frameon=False, fontsize=8, labelcolor=_INK
    )
    return figure


def draw_scores(own: Shown, names: Sequence[str]) -> Figure:
    """Ranks of the persons' scores: a line of points for those who trained and one for those who did not, an attack."""
    from scipy.stats import rankdata

    member = np.array(own["member"], bool)
    figure = Figure(figsize=(9.2, 0.7 + 0.75 * len(names)), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    rng = np.random.default_rng(0)
    for place, name in enumerate(names):
        ranks = rankdata(own["attacks"][name]["scores"]) / len(member)
        sides = ((member, _MEMBER, "trained", -0.17), (~member, _REAL, "did not train", 0.17))
        for side, colour, said, shift in sides:
            line = place + shift + rng.uniform(-0.09, 0.09, side.sum())
            axes.plot(
                ranks[side], line, "o", ms=3.4, color=colour, alpha=0.65, mew=0, label=said if not place else None
            )
            axes.plot([np.median(ranks[side])] * 2, [place + shift - 0.15, place + shift + 0.15], color=colour, lw=2)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-0.01, 1.01)
    axes.set_xlabel("rank of the person's score: likelier a member to the right; bars are medians", fontsize=8)
    _plain(axes)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=8, labelcolor=_INK)
    return figure


def _linkage(columns: Mapping[str, Shown]) -> Html:
    own = columns["synthetic"]["attacks"].get("linkage")
    if own is None:
        return Html("")
    rank = (
        f"The network recognizes {100 * own['rank_1']:.0f} % of {own['among']} real persons by another recording as "
        f"the nearest of all {own['among']}, and {100 * own['rank_1_of_windows']:.0f} % of single windows."
        if own["rank_1"] is not None
        else f"How well the network recognizes real persons is not known: {own['among']} have another recording."
    )
    said = (
        f"{rank} Of the generated windows {100 * own['share']:.0f} % are nearest to a person who trained, of as many "
        f"who did not; where who trained is dealt out anew, 95 % of the shares are {100 * own['chance'][0]:.0f} to "
        f"{100 * own['chance'][1]:.0f} % (p = {_p(own['p'])}, one-sided)."
    )
    picture = page.figure(
        png_bytes(draw_linkage(columns), DPI),
        f"Whom windows are most like: the share that is linked to persons who trained, and what chance gives. "
        f"{page.NOTICE}",
        "share of windows linked to persons who trained",
    )
    return page.join([page.heading("Whom the windows are most like", 3), page.paragraph(said), picture])


def draw_linkage(columns: Mapping[str, Shown]) -> Figure:
    """Bars: the share of a set's windows linked to members, with the range that permutations give."""
    named = {"synthetic": "generated"} | {column: _SETS[column][0] for column in _BARS[1:]}
    found = {
        column: columns[column]["attacks"]["linkage"]
        for column in _BARS
        if "linkage" in columns.get(column, {}).get("attacks", {})
    }
    figure = Figure(figsize=(9.2, 0.8 + 0.42 * len(found)), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, (column, each) in enumerate(found.items()):
        colour = {"synthetic": _GENERATED, "floor": _REAL}.get(column, "#a9adb5")
        axes.barh(place, each["share"], height=0.55, color=colour, gid=column)
        low, high = each["chance"]
        axes.plot([low, high], [place, place], color=_INK, lw=1.4, marker="|", ms=8, label=None if place else "chance")
        axes.text(0.005, place, f" {each['share']:.2f}, p = {_p(each['p'])}", va="center", fontsize=7.8, color="white")
    axes.axvline(0.5, color=_GREY, lw=0.8, zorder=0)
    axes.set_yticks(range(len(found)), [named[column] for column in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of windows nearest to a person who trained", fontsize=8)
    _plain(axes)
    figure.legend(loc="outside upper left", frameon=False, fontsize=8, labelcolor=_INK)
    return figure


def _attributes(columns: Mapping[str, Shown]) -> Html:
    """How often unknown columns were told, of a table."""
    own = columns["synthetic"].get("attributes")
    if own is None:
        return Html("")
    named = {"synthetic": "generated"} | {column: _SETS[column][0] for column in _BARS[1:]}
    lines = [
        [named[column], f"{100 * each['members']:.1f} %", f"{100 * each['nonmembers']:.1f} %"]
        for column in _BARS
        if (each := columns.get(column, {}).get("attributes"))
    ]
    said = (
        f"Knowing {', '.join(own['known'])} of a person, the nearest generated row was believed for the other columns. "
        "What it tells of persons who did not train follows from how columns go together, and is no leak."
    )
    table = page.table(lines, ["rows", "told of those who trained", "told of those who did not"], (1, 2))
    return page.join([page.heading("What a few known columns tell of the others", 3), page.paragraph(said), table])


def _panels(names: Sequence[str], wide: int, size: float) -> tuple[Figure, list[Axes]]:
    high = math.ceil(len(names) / wide)
    figure = Figure(figsize=(size * wide + 0.5, size * high + 0.4), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.subplots(high, wide, squeeze=False)
    panels = list(grid.ravel())
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return figure, panels[: len(names)]


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#c9cbd0")
    axes.tick_params(length=0, labelsize=8, colors=_GREY)
