"""Pictures of privacy attacks: ROC curves, ranks of scores, and the share of samples linked to training patients.

They are drawn from the plain values that the privacy metrics keep of each set of samples, by column: `synthetic`, the
controls, and `floor`, the negative control of patients who did not train.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.core.words import p_value
from ganlab.plot.figure import BLUE, GREY, INK, ORANGE, REAL, blank, legend, panels

SETS = {
    "copy": "copy of the training samples",
    "noisy_copy": "copy with noise",
    "floor": "other patients (negative control)",
    "synthetic": "generated",
}
"""Sample sets under attack, by column, with the name on pages; the generated samples are drawn last."""
BARS = ("synthetic", "copy", "noisy_copy", "floor")
_LOOKS: Mapping[str, Mapping[str, Any]] = {
    "copy": {"color": GREY, "linestyle": "-", "linewidth": 1.1},
    "noisy_copy": {"color": GREY, "linestyle": "--", "linewidth": 1.1},
    "floor": {"color": REAL, "linestyle": "-", "linewidth": 1.3},
    "synthetic": {"color": BLUE, "linestyle": "-", "linewidth": 2.2},
}
_LIGHT = "#c9cbd0"


def draw_roc(columns: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Draw ROC curves over patients: one panel per attack, one line per sample set."""
    wide = min(3, len(names))
    figure, all_axes = panels(len(names), wide, 2.9, 2.9 * wide + 0.5)
    for axes, name in zip(all_axes, names, strict=True):
        axes.plot([0, 1], [0, 1], color=_LIGHT, linewidth=0.9, zorder=0)
        for column, label in SETS.items():
            attack = columns.get(column, {}).get("attacks", {}).get(name)
            if attack:
                axes.plot(*attack["curve"], drawstyle="steps-post", label=label, gid=column, **_LOOKS[column])
        auc = columns["synthetic"]["attacks"][name]["auc"]
        axes.set_title(f"{name}, AUC {auc:.2f}", fontsize=9.5, color=INK, loc="left")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.set_xlabel("found among those who did not train", fontsize=7.8, color=GREY)
        axes.set_ylabel("found among those who trained", fontsize=7.8, color=GREY)
        _plain(axes)
    legend(figure, all_axes, "outside upper left", ncols=4, fontsize=8, labelcolor=INK)
    return figure


def draw_scores(own: Mapping[str, Any], names: Sequence[str]) -> Figure:
    """Draw the rank of each patient's score: two rows of points per attack, training patients and others."""
    from scipy.stats import rankdata

    member = np.array(own["member"], bool)
    figure = blank(9.2, 0.7 + 0.75 * len(names))
    axes = figure.add_subplot()
    rng = np.random.default_rng(0)
    for place, name in enumerate(names):
        ranks = rankdata(own["attacks"][name]["scores"]) / len(member)
        for side, color, label, shift in ((member, ORANGE, "trained", -0.17), (~member, REAL, "did not train", 0.17)):
            heights = place + shift + rng.uniform(-0.09, 0.09, side.sum())
            axes.plot(ranks[side], heights, "o", ms=3.4, color=color, alpha=0.65, mew=0, label=label)
            axes.plot([np.median(ranks[side])] * 2, [place + shift - 0.15, place + shift + 0.15], color=color, lw=2)
    _named_rows(axes, names, "rank of the patient's score: likelier a member to the right; bars are medians")
    axes.set_xlim(-0.01, 1.01)
    legend(figure, [axes], "outside upper left", ncols=2, fontsize=8, labelcolor=INK)
    return figure


def draw_linkage(columns: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw the share of each set's windows that are linked to training patients, with the range of permutations."""
    attacks = {column: columns.get(column, {}).get("attacks", {}) for column in BARS}
    linkage = {column: each["linkage"] for column, each in attacks.items() if "linkage" in each}
    figure = blank(9.2, 0.8 + 0.42 * len(linkage))
    axes = figure.add_subplot()
    for place, (column, each) in enumerate(linkage.items()):
        color = {"synthetic": BLUE, "floor": REAL}.get(column, "#a9adb5")
        axes.barh(place, each["share"], height=0.55, color=color, gid=column)
        axes.plot(each["chance"], [place, place], color=INK, lw=1.4, marker="|", ms=8, label="chance")
        text = f" {each['share']:.2f}, p = {p_value(each['p'])}"
        axes.text(0.005, place, text, va="center", fontsize=7.8, color="white")
    axes.axvline(0.5, color=GREY, lw=0.8, zorder=0)
    _named_rows(axes, [SETS[column] for column in linkage], "share of windows nearest to a patient who trained")
    axes.set_xlim(0, 1)
    legend(figure, [axes], "outside upper left", fontsize=8, labelcolor=INK)
    return figure


def _named_rows(axes: Axes, names: Sequence[str], label: str) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(label, fontsize=8)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_LIGHT)
    axes.tick_params(length=0, labelsize=8, colors=GREY)
