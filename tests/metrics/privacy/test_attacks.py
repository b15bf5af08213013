from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from ganlab.core.errors import UserError
from ganlab.core.kind import Row, Window
from ganlab.evaluation.controls import make
from ganlab.evaluation.evidence import Evidence, evidence
from ganlab.evaluation.rows import undetected
from ganlab.metrics.base import Attacked, Real, SampleSet, Scores
from ganlab.metrics.needs import TooFew
from ganlab.metrics.privacy.attacks import Privacy
from ganlab.metrics.privacy.linkage import Linkage
from ganlab.metrics.privacy.membership import Attack, Calibrated, Density, DiscriminatorAttack, Nearest

KIND = Window(("i", "ii"), 125.0, 150)
ATTACKS = (Nearest(), Calibrated(), Density(), DiscriminatorAttack())
NAMES = tuple(attack.name for attack in ATTACKS)


def waves(people: range, seed: int, each: int = 4) -> SampleSet:
    """Smooth noise; of a patient some windows that are alike."""
    rng = np.random.default_rng(seed)
    own = np.repeat(rng.normal(size=(len(people), 2, 150)), each, axis=0)
    values = 3 * gaussian_filter1d(own + 0.7 * rng.normal(size=own.shape), 3, axis=-1, mode="wrap")
    patients = np.repeat(np.array(people), each)
    return SampleSet(values.astype(np.float32), patients % 2, patients)


def attacked(members: int = 24, known: int = 6) -> Attacked:
    ends = np.cumsum([0, members, members, known, known])
    sides = [waves(range(a, b), seed) for seed, (a, b) in enumerate(pairwise(ends.tolist()))]
    return Attacked(*sides)


def real(under: Attacked | None = None) -> Real:
    found = under or attacked()
    other = waves(range(500, 510), 9)
    return Real(KIND, found.members, other, ("a", "b"), attacked=found)


def found(given: Real, samples: SampleSet, attacks: tuple[Attack, ...] = ATTACKS) -> Scores:
    measure = Privacy(attacks)
    ground = measure.select(given)
    judged = measure.fit(ground)(samples)
    assert isinstance(judged, Scores)
    return judged


def values(given: Real, samples: SampleSet, attacks: tuple[Attack, ...] = ATTACKS) -> Mapping[str, float]:
    measure = Privacy(attacks)
    ground = measure.select(given)
    judged = found(given, measure.control(samples, ground), attacks)
    everybody = np.ones(len(samples)), np.ones(len(ground.reference))
    return {name: number(*everybody) for name, number in judged.items()}


def control(name: str) -> Mapping[str, float]:
    ground = Privacy(ATTACKS).select(real())
    return values(real(), make(name, ground, 96))


def test_every_attack_catches_a_copy() -> None:
    copy = control("copy")
    for name in NAMES:
        assert copy[f"privacy/{name}_auc"] > 0.95, name
        assert copy[f"privacy/{name}_window_auc"] > 0.95, name
        assert copy[f"privacy/{name}_tpr_10"] > 0.9, name
        assert copy[f"privacy/{name}_epsilon"] > 1, name
    assert copy["privacy/strongest_auc"] > 0.99
    assert copy["privacy/dcr_share"] > 0.95
    assert copy["privacy/dcr_ratio"] < 0.01
    assert copy["privacy/nndr_ratio"] < 0.01


def test_no_attack_finds_members_where_other_persons_were_copied() -> None:
    floor = control("floor")
    for name in NAMES:
        assert abs(floor[f"privacy/{name}_auc"] - 0.5) < 0.2, name
        assert floor[f"privacy/{name}_epsilon"] == 0, name
    assert abs(floor["privacy/dcr_share"] - 0.5) < 0.2
    assert floor["privacy/dcr_ratio"] == pytest.approx(1, abs=0.3)


def test_noise_weakens_the_leak_step_by_step() -> None:
    given = real()
    rng = np.random.default_rng(99)
    noise = rng.normal(size=given.train.values.shape).astype(np.float32)
    sizes, attacks = (0.0, 3.0, 30.0), (Nearest(),)
    noisy = [values(given, SampleSet(given.train.values + size * noise), attacks) for size in sizes]
    areas = [each["privacy/nearest_window_auc"] for each in noisy]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > 0.95
    assert abs(areas[-1] - 0.5) < 0.15


def test_where_who_trained_is_dealt_out_anew_a_copy_leaks_nothing() -> None:
    """The copies are of windows of both sides, so that no attack may tell them apart."""
    given = attacked()
    mixed = np.random.default_rng(0).permutation(48)
    both = [*given.members.values.reshape(48 // 2, 4, 2, 150), *given.nonmembers.values.reshape(24, 4, 2, 150)]
    dealt = np.stack(both)[mixed].reshape(2, 96, 2, 150)
    sides = [replace(side, values=part) for side, part in zip((given.members, given.nonmembers), dealt, strict=True)]
    under = Attacked(sides[0], sides[1], given.knowledge, given.strangers)
    judged = values(real(under), SampleSet(given.members.values), (Nearest(), Calibrated()))
    assert abs(judged["privacy/nearest_auc"] - 0.5) < 0.2
    assert abs(judged["privacy/strongest_auc"] - 0.5) < 0.2


def test_samples_without_a_discriminator_are_attacked_by_the_others_and_the_reason_is_named() -> None:
    given = real()
    judged = found(given, SampleSet(given.train.values))
    assert not [name for name in judged if "discriminator" in name]
    assert len(judged.left_out) == 1
    assert "discriminator: these samples have no discriminator" in judged.left_out[0]
    assert "synthetic=<run folder>" in judged.left_out[0]


def test_attacks_compare_shapes_whatever_the_unit_and_only_linkage_needs_an_ecg() -> None:
    given, samples = real(), SampleSet(waves(range(30), 77).values)

    def in_pascal(one: SampleSet) -> SampleSet:
        return replace(one, values=one.values * 1024)

    sides = attacked()
    under = Attacked(*map(in_pascal, (sides.members, sides.nonmembers, sides.knowledge, sides.strangers)))
    kind = replace(KIND, unit="Pa")
    other = replace(real(under), kind=kind, reference=in_pascal(given.reference))
    attacks = (Nearest(), Calibrated(), Density(), Linkage())
    numbers, left_out = values(other, in_pascal(samples), attacks), found(other, in_pascal(samples), attacks).left_out
    assert numbers == pytest.approx(values(given, samples, attacks[:3]), abs=1e-6)
    assert list(left_out) == ["linkage: the network learns from simulated ECGs in mV, and these windows are in Pa"]


def test_a_discriminator_that_knows_members_gives_them_away() -> None:
    given = real()
    assert given.attacked is not None
    loud = given.attacked.members.values
    samples = SampleSet(waves(range(30), 77).values)

    def verdict(judged: SampleSet) -> np.ndarray:
        return np.array([np.abs(loud - window).max(axis=(1, 2)).min() < 1e-6 for window in judged.values]) + 0.0

    for judge, area in ((verdict, 1.0), (lambda judged: np.zeros(len(judged)), 0.5)):
        judged = found(given, replace(samples, discriminator=judge))
        ground = Privacy(ATTACKS).select(given)
        everybody = np.ones(len(samples)), np.ones(len(ground.reference))
        assert judged["privacy/discriminator_auc"](*everybody) == area
        assert not judged.left_out


def test_the_evidence_has_controls_and_what_is_drawn(tmp_path: Path) -> None:
    given = real()
    synthetic = SampleSet(waves(range(30), 77).values)
    first = _evidence(given, synthetic, tmp_path)
    row = first.rows["privacy/nearest_auc"]
    assert row["controls"]["copy"] > 0.95 > row["floor_interval"][1]
    assert row["interval"][0] < row["synthetic"] < row["interval"][1]
    assert first.rows["privacy/nearest_epsilon"]["interval"] == [None, None]
    assert not [name for name in undetected(first.rows) if name.endswith(("t_auc", "d_auc"))]
    assert set(first.details["privacy"]) == {
        *("synthetic", "floor", "copy", "noisy_copy", "collapsed", "noise", "bootstrap", "pca_gaussian")
    }
    own = first.details["privacy"]["synthetic"]
    assert (own["members"], own["nonmembers"], own["known"], own["strangers"]) == (24, 24, 6, 6)
    assert len(own["attacks"]["nearest"]["scores"]) == len(own["member"]) == 48
    assert [reason for reason in first.left_out if "discriminator" in reason]
    again = _evidence(given, synthetic, tmp_path / "elsewhere")
    assert (again.rows, again.details) == (first.rows, first.details)
    assert _evidence(given, synthetic, tmp_path).details == first.details


def _evidence(given: Real, synthetic: SampleSet, store: Path) -> Evidence:
    return evidence(given, synthetic, {"privacy": Privacy((Nearest(), DiscriminatorAttack()))}, store, draws=20)


def test_other_measures_keep_their_floor_and_their_cache_where_somebody_is_attacked(tmp_path: Path) -> None:
    from ganlab.metrics.ecg.signal import SignalShape

    given = real()
    plain = replace(given, attacked=None)
    rows = evidence(given, given.reference, {"signal": SignalShape()}, tmp_path, draws=10).rows
    folders = list(tmp_path.iterdir())
    assert evidence(plain, given.reference, {"signal": SignalShape()}, tmp_path, draws=10).rows == rows
    assert list(tmp_path.iterdir()) == folders


def test_a_hold_out_that_overlaps_is_refused() -> None:
    given = attacked()
    assert given.strangers.patients is not None
    overlapping = replace(given.strangers, patients=given.strangers.patients - 9)
    with pytest.raises(UserError, match=r"6 patients are on two sides of an attack .*split=patient"):
        Attacked(given.members, given.nonmembers, given.knowledge, overlapping)
    nobody = replace(given.strangers, patients=None)
    with pytest.raises(UserError, match="the samples have no patient ids"):
        Attacked(given.members, given.nonmembers, given.knowledge, nobody)


def test_too_few_persons_are_refused() -> None:
    with pytest.raises(TooFew, match=r"4 members and 4 non-members, and an attack needs 10 .*metrics.attacked"):
        found(real(attacked(members=4)), waves(range(5), 3))
    with pytest.raises(TooFew, match=r"1 patients in neither set .*metrics.attacked.others"):
        found(real(attacked(known=1)), waves(range(5), 3))
    with pytest.raises(UserError, match=r"least=1: accepted are 2 patients or more"):
        Privacy(ATTACKS, least=1)


def test_nobody_to_attack_is_said(tmp_path: Path) -> None:
    given = replace(real(), attacked=None)
    rows = evidence(given, given.reference, {"privacy": Privacy(ATTACKS)}, tmp_path)
    assert not rows.rows
    assert "nobody can be attacked" in rows.left_out[0]
    assert "split=patient" in rows.left_out[0]
    with pytest.raises(UserError, match="measures windows"):
        Privacy(ATTACKS).check(Row(()))
