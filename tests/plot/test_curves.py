import json
from pathlib import Path

import numpy as np
import pytest

from ganlab.plot.curves import class_accuracies, draw_curves, not_finite, smooth
from ganlab.plot.figure import png_bytes
from ganlab.tracking.history import read_history


def write(path, rows, end=""):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + end)
    return path


def test_rows_are_sorted_merged_and_the_later_value_wins(tmp_path):
    rows = [
        {"step": 1, "loss/G": 1},
        {"step": 1, "loss/D": 9},
        {"step": 2, "loss/G": 2},
        {"step": 3, "loss/G": 3},
    ]
    history = read_history(write(tmp_path / "m", [*rows, {"step": 2, "loss/G": 20}, {"step": 3, "loss/G": 30}]))
    steps, values = history.series("loss/G")
    assert steps.tolist() == [1, 2, 3]
    assert values.tolist() == [1, 20, 30]
    assert history.rows[0] == {"step": 1, "loss/G": 1, "loss/D": 9}


def test_a_resumed_run_is_marked_once_where_it_went_on(tmp_path):
    losses = [{"step": step, "epoch": step // 4, "loss/G": 0.0} for step in range(12)]
    accuracy = [{"step": 7, "accuracy/real": 0.5}]
    history = read_history(write(tmp_path / "m", losses[:9] + accuracy + losses[5:8] + accuracy + losses[8:]))
    assert history.resumed == [5]
    figure = draw_curves(history, {"loss/G": "generator"}, label="loss")
    marks = [line for line in figure.axes[0].lines if line.get_gid() == "resumed"]
    assert [mark.get_xdata()[0] for mark in marks] == [5]


def test_rows_of_an_epoch_between_rows_of_steps_are_no_resumption(tmp_path):
    rows = [{"step": 9, "loss/G": 1}, {"step": 8, "accuracy/real": 0.5}, {"step": 10, "loss/G": 1}]
    assert read_history(write(tmp_path / "m", rows)).resumed == []


def test_lines_that_are_no_rows_are_counted(tmp_path):
    history = read_history(write(tmp_path / "m", [{"step": 1, "a": 1}, {"a": 1}, [1]], '\n{"step": 2, "lo'))
    assert (len(history.rows), history.unreadable) == (1, 3)


def test_no_file_is_no_history(tmp_path):
    assert read_history(tmp_path / "absent").names() == []


def test_nan_null_and_infinity_leave_a_gap(tmp_path):
    values = [1.0, float("nan"), None, float("inf"), -1.0]
    history = read_history(write(tmp_path / "m", [{"step": i, "loss/G": v} for i, v in enumerate(values)]))
    assert np.isnan(history.series("loss/G")[1]).tolist() == [False, True, True, True, False]
    assert not_finite(history, ["loss/G"]) == 3
    assert png_bytes(draw_curves(history, {"loss/G": "generator"}, label="loss"), dpi=40)


def test_smoothing_is_a_mean_of_the_numbers_around():
    values = np.array([0.0, 3.0, np.nan, 6.0])
    assert smooth(values, 3).tolist() == [1.5, 1.5, 4.5, 6.0]
    assert np.isnan(smooth(np.array([np.nan]), 3)).all()


def test_long_runs_are_drawn_raw_and_smoothed_short_ones_once(tmp_path):
    rows = [{"step": step, "epoch": step // 50, "accuracy/real": step % 2} for step in range(200)]
    history = read_history(write(tmp_path / "m", rows))
    axes = draw_curves(history, {"accuracy/real": "on real"}, label="accuracy", percent=True).axes[0]
    lines = {line.get_gid(): line.get_ydata() for line in axes.lines}
    assert np.ptp(lines["raw"]) == 1
    assert np.ptp(lines["smooth"]) < 0.5
    assert axes.yaxis.get_major_formatter()(0.5) == "50 %"


@pytest.mark.parametrize("chance", [None, 1 / 2, 1 / 3])
def test_the_dashed_line_lies_where_guesses_do_and_nowhere_without(tmp_path, chance):
    history = read_history(write(tmp_path / "m", [{"step": step, "x": 0.9} for step in range(3)]))
    axes = draw_curves(history, {"x": "x"}, label="x", percent=True, chance=chance).axes[0]
    dashed = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    assert dashed == ([] if chance is None else [chance])


def test_accuracies_of_the_class_are_means_of_epochs_or_else_those_of_steps():
    steps = ["accuracy/class_real", "accuracy/class_synthetic", "accuracy/real"]
    assert class_accuracies(steps) == {"accuracy/class_real": "real", "accuracy/class_synthetic": "synthetic"}
    means = class_accuracies([*steps, *(f"epoch/{name}" for name in steps)])
    assert means == {"epoch/accuracy/class_real": "real", "epoch/accuracy/class_synthetic": "synthetic"}


def test_epochs_stand_on_the_upper_axis(tmp_path):
    history = read_history(write(tmp_path / "m", [{"step": s, "epoch": s // 100, "x": 1} for s in range(0, 501, 50)]))
    assert history.steps_per_epoch() == pytest.approx(100)
    assert history.step_of(2) == 250
    assert draw_curves(history, {"x": "x"}, label="x").axes[0].child_axes[0].get_xlabel() == "epoch"


def test_the_time_of_a_row_is_no_measure_and_marks_no_resume(tmp_path: Path) -> None:
    rows = [{"step": 9, "time": 1.0, "loss/G": 0.7}, {"step": 9, "time": 1.1, "saturated": 0.0}]
    file = tmp_path / "metrics.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    history = read_history(file)
    assert history.resumed == []
    assert history.names() == ["loss/G", "saturated"]
