"""Twelve leads stand in three rows of four with a rhythm strip, true to scale, and a note never overlaps the scale."""

import numpy as np
import pytest

from ganlab.plot.ecg_paper import draw_windows
from ganlab.plot.twelve_leads import ROWS, draw_twelve, is_twelve

LEADS = [lead for row in ROWS for lead in row]


def windows(seconds: float, rate: float = 100, count: int = 1) -> np.ndarray:
    samples = round(seconds * rate)
    return np.linspace(0, 1, samples) * np.arange(1, 13)[None, :, None] * np.ones((count, 1, 1))


def traces(axes, lead):
    return [line.get_data() for line in axes.lines if line.get_gid() == f"lead {lead}"]


def test_a_long_window_shows_its_quarters_and_the_whole_of_lead_two():
    figure = draw_twelve(windows(10), leads=LEADS, rate=100, titles=["one"], note="synthetic")
    (axes,) = figure.axes
    for column in range(4):
        for row in ROWS:
            times, values = traces(axes, row[column])[0]
            assert (times[0], len(times)) == (2.5 * column, 250)
            share = np.ptp(values) / (1 + LEADS.index(row[column]))
            assert share == pytest.approx(0.25, abs=0.01)
    strip, _ = traces(axes, "ii")[1]
    assert (strip[0], strip[-1]) == (0, 9.99)
    assert {"I", "aVR", "V6", "II (rhythm)"} <= {text.get_text() for text in axes.texts}


def test_a_short_window_is_whole_in_each_column():
    (axes, _) = draw_twelve(windows(2, count=2), leads=LEADS[::-1], rate=100).axes
    times, values = traces(axes, "v6")[0]
    assert (times[0], len(times)) == (6.0, 200)
    assert np.ptp(values) == pytest.approx(1.0, abs=0.02)


def test_a_millimetre_is_a_millimetre():
    figure = draw_twelve(windows(10), leads=LEADS, rate=100)
    figure.canvas.draw()
    for axes in figure.axes:
        across, upwards = axes.transData.transform((0.04, 0.1)) - axes.transData.transform((0, 0))
        assert across == pytest.approx(figure.dpi / 25.4, rel=1e-6)
        assert upwards == pytest.approx(figure.dpi / 25.4, rel=1e-6)
    assert 25.4 * figure.get_figwidth() < 277, "wider than A4 across"


def test_what_is_cut_is_said():
    figure = draw_twelve(1e3 * windows(2), leads=LEADS, rate=100)
    assert "cut, or not finite" in {text.get_text() for text in figure.axes[0].texts}


def test_twelve_leads_are_known_in_any_order_and_case():
    assert is_twelve([lead.upper() for lead in LEADS[::-1]])
    assert not is_twelve(LEADS[:11])


@pytest.mark.parametrize("seconds", [0.5, 2, 10])
def test_a_note_and_the_scale_do_not_overlap(seconds):
    note = "Synthetic data. Not for clinical use before expert evaluation."
    figure = draw_windows(windows(seconds)[:, :1], leads=["i"], rate=100, columns=1, note=note)
    figure.canvas.draw()
    scale, shown = (text.get_window_extent() for text in figure.texts)
    assert not scale.overlaps(shown)
    assert shown.x1 <= figure.bbox.x1
    assert all(not shown.overlaps(axes.get_window_extent()) for axes in figure.axes)
