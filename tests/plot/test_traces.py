"""Signals that are no ECG, as lines in their own unit."""

import numpy as np

from ganlab.core.kind import Window
from ganlab.plot.traces import draw_traces, trace_spans

KIND = Window(("abp", "pleth"), 50.0, 100, "NU")


def test_each_lead_has_an_axis_in_its_unit_and_all_windows_one_scale() -> None:
    values = np.random.default_rng(0).normal(1000, 3, (3, 2, 100))
    values[0, 1] = np.nan
    spans = trace_spans(values)
    figure = draw_traces(values, KIND, 2, ["a", "b", "c"], "note", spans)
    shown = [axes for axes in figure.axes if axes.axison]
    assert len(shown) == 6
    assert {axes.get_ylim() for axes in shown} == {tuple(span) for span in spans}
    assert [axes.get_ylabel() for axes in shown if axes.get_ylabel()] == ["abp\n(NU)", "pleth\n(NU)"] * 2
    assert spans[0, 0] < values[:, 0].min() < values[:, 0].max() < spans[0, 1]
    assert trace_spans(np.full((1, 1, 4), np.nan)).tolist() == [[-1, 1]]
