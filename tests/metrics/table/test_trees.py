import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ganlab.core.kind import Column, Row
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.table.trees import fit
from ganlab.metrics.weighted import macro_auroc

KIND = Row((Column("a"), Column("b"), Column("rare", binary=True), Column("sick", binary=True)), target="sick")


def rows(seed, count=300):
    """Whether somebody is sick is seen in a; the rare column is nobody's business."""
    rng = np.random.default_rng(seed)
    sick = rng.integers(0, 2, count)
    return np.stack(
        [2 * sick + rng.normal(0, 1, count), rng.normal(0, 1, count), rng.random(count) < 0.1, sick], axis=1
    )


def real(classes=(), **labels):
    parts = [SampleSet(rows(seed), labels.get(name)) for seed, name in ((0, "train"), (1, "reference"))]
    return Real(KIND, *parts, classes)


def measured(samples, known=None, weights=None):
    known = known or real()
    judged = fit(known, known.kind)(samples)
    of, of_reference = weights or (np.ones(len(samples)), np.ones(len(known.reference)))
    return {name.removeprefix("table/"): statistic(of, of_reference) for name, statistic in judged.items()}


def test_the_auroc_is_that_of_sklearn_and_weights_count():
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 3, 90), rng.dirichlet([1, 1, 1], 90)
    assert macro_auroc(scores, truth)(np.ones(90)) == pytest.approx(roc_auc_score(truth, scores, multi_class="ovr"))
    times = rng.integers(0, 3, 90)
    repeated = np.repeat(np.arange(90), times)
    assert macro_auroc(scores, truth)(times * 1.0) == pytest.approx(
        macro_auroc(scores[repeated], truth[repeated])(np.ones(len(repeated)))
    )
    two = np.stack([1 - scores[:, 0], scores[:, 0]], axis=1)
    assert macro_auroc(two, truth % 2)(np.ones(90)) == pytest.approx(roc_auc_score(truth % 2, two[:, 1]))
    assert np.isnan(macro_auroc(scores, truth)((truth == 0) * 1.0))


def test_real_rows_teach_what_is_to_be_known_and_are_not_detected():
    found = measured(SampleSet(rows(2)))
    assert found["tstr_auroc"] > 0.85
    assert found["tstr_shuffled_auroc"] == pytest.approx(0.5, abs=0.2)
    assert found["detection_auc"] == pytest.approx(0.5, abs=0.08)


def test_shuffled_columns_teach_nothing_and_are_detected():
    found = measured(SampleSet(np.random.default_rng(3).permuted(rows(2), axis=0)))
    assert found["tstr_auroc"] < 0.7
    assert found["detection_auc"] > 0.65


def test_one_answer_teaches_nothing():
    healthy = rows(2)
    healthy[:, 3] = 0
    assert measured(SampleSet(healthy))["tstr_auroc"] == 0.5


def test_a_target_is_named_not_guessed():
    known = Real(Row(KIND.columns), SampleSet(rows(0)), SampleSet(rows(1)))
    scores = fit(known, known.kind)(SampleSet(rows(2)))
    assert set(scores) == {"table/detection_auc"}
    assert "dataset.target" in scores.left_out[0]


def test_a_category_is_predicted_from_other_columns_only():
    """Each of its numbers would give the others away."""
    group = (Column("ward=A", binary=True, of="ward", value="A"), Column("ward=B", binary=True, of="ward", value="B"))
    kind = Row((*group, Column("noise")), target="ward")

    def drawn(seed):
        rng = np.random.default_rng(seed)
        return np.column_stack([np.eye(2)[rng.integers(0, 2, 300)], rng.normal(size=300)])

    found = measured(SampleSet(drawn(2)), Real(kind, SampleSet(drawn(0)), SampleSet(drawn(1))))
    assert found["tstr_auroc"] == pytest.approx(0.5, abs=0.15)


def test_classes_are_guessed_where_there_are_classes():
    sick = {name: rows(seed)[:, 3].astype(np.int64) for seed, name in ((0, "train"), (1, "reference"))}
    known = real(("well", "sick"), **sick)
    judged = rows(2)
    labels = judged[:, 3].astype(np.int64)
    assert measured(SampleSet(judged, labels), known)["tstr_auroc"] == 1
    assert measured(SampleSet(judged, 1 - labels), known)["tstr_auroc"] == 0
    assert set(measured(SampleSet(judged), known)) == {"detection_auc"}


def test_rows_of_a_person_are_asked_about_together():
    """Twins on either side of the folds would tell who is real: each patient's row is there ten times."""
    known, judged = rows(1, 40), rows(2, 40)
    patients = np.repeat(np.arange(40), 10)
    tenfold = [np.repeat(values, 10, axis=0) for values in (known, judged)]
    apart = Real(KIND, SampleSet(rows(0)), SampleSet(tenfold[0], None, patients))
    found = measured(SampleSet(tenfold[1], None, patients + 40), apart)["detection_auc"]
    twins = Real(KIND, SampleSet(rows(0)), SampleSet(tenfold[0]))
    assert found < 0.75
    assert measured(SampleSet(tenfold[1]), twins)["detection_auc"] > 0.95


def test_one_person_cannot_be_asked_about():
    one = SampleSet(rows(2), None, np.zeros(300, np.int64))
    assert "detection_auc" not in measured(one)
