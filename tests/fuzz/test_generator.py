"""Exported generators whose JSON is changed here and there, with the weights and the hash that fit."""

import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from ganlab.generator.load import load
from ganlab.generator.portable import CONFIG, WEIGHTS, rebuilt, state_of
from tests.fuzz.cases import changed, many, tokens
from tests.fuzz.conftest import Fuzz

Config = dict[str, Any]
COLUMNS = {
    "age": {"low": 0.0, "high": 90.0},
    "sex": {"binary": True},
    "visits": {"low": 0.0, "high": 9.0, "whole": True},
}
FCN = {"_target_": "ganlab.architecture.fcn.Generator", "_partial_": True, "hidden": [4], "width": 1.0}
KINDS: dict[str, Config] = {
    "window": {
        "sample": {"noun": "window", "leads": ["i", "ii", "iii"], "rate": 500.0, "samples": 16},
        "arrangement": {
            "_target_": "ganlab.arrangement.leads.Leads",
            "leads": ["i", "ii"],
            "order": {"_target_": "ganlab.arrangement.order.z", "_partial_": True},
            "side": 4,
            "batch_size": 2,
            "derived": {"iii": {"i": -1.0, "ii": 1.0}},
        },
        "standardization": {"_target_": "ganlab.standardization.centred_range.CentredRange", "reach_mv": 2.5},
    },
    "row": {
        "sample": {"noun": "row", "columns": [{"name": name, **rest} for name, rest in COLUMNS.items()]},
        "arrangement": {"_target_": "ganlab.arrangement.table.Table", "columns": list(COLUMNS), "batch_size": 2},
        "standardization": {"_target_": "ganlab.standardization.min_max.MinMax", "columns": COLUMNS, "levels": 256},
    },
    "image": {
        "sample": {"noun": "image", "shape": [1, 4, 5]},
        "arrangement": {
            "_target_": "ganlab.arrangement.image.AsItIs",
            **{"channels": 1, "height": 4, "width": 5, "batch_size": 2},
        },
        "standardization": {"_target_": "ganlab.standardization.as_it_is.AsItIs", "levels": None},
    },
}


def exported(kind: str) -> tuple[Config, bytes]:
    """A generator of this kind that nobody trained, as its JSON and its weights."""
    config: Config = {
        **{"format": 1, "notice": "synthetic", "sha256": "", **KINDS[kind]},
        **{"gan": "ganlab.gan.acgan.ACGAN", "noise": 3, "classes": ["healthy", "ill"], "generator": FCN},
        "about": {
            **{"name": "g", "started": "", "version": "1", "git_commit": None, "seed": 0, "steps": 1},
            **{"checkpoint": "step_1", "choices": {"dataset": "x", "trick": ["none"], "experiment": None}},
            "data": {"note": "", "parts": {"train": {"samples": 5, "patients": 2}}},
        },
    }
    gan, _ = rebuilt(config, Path("made"), 1 << 20)
    weights = save({name: torch.ones_like(tensor) * 0.1 for name, tensor in state_of(gan).items()})
    config["sha256"] = hashlib.sha256(weights).hexdigest()
    return json.loads(json.dumps(config)), weights


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every dictionary or list of a JSON value, with each of its keys."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


HOSTILE = (
    *(0, -1, -5, 1, 2, 4095, 4097, 10**9, 10**400, 1e308, -1e308, 1e-308, 0.5, 5.0, True, None, "", [], {}),
    *(["i"], ["i", "i"], [1], [[[[]]]], {"a": {"a": {}}}, ["x"] * 5000, list(range(30)), "=cmd|' /C calc'!A0"),
    *("${oc.env:HOME}", "os.system", "ganlab.generator.load.load", "ganlab.arrangement.order.z", "x" * 1000, "a\nb"),
    {"_target_": "pathlib.Path.touch", "_args_": ["CANARY"]},
    {"_target_": "os.mkdir", "path": "CANARY"},
    {"_target_": "ganlab.arrangement.order.hilbert", "_partial_": True},
    {"_target_": "ganlab.standardization.adapted_range.AdaptedRange", "width_mv": 1e300},
    {"_target_": "ganlab.standardization.equalized.Equalized", "leads": 2, "points": 4096},
)


def test_generator(fuzz: Fuzz) -> None:
    made = {kind: exported(kind) for kind in KINDS}
    hostile = json.loads(json.dumps(HOSTILE).replace("CANARY", str(fuzz.canary)))

    @many
    @given(st.data())
    def check(data: st.DataObject) -> None:
        config, weights = made[data.draw(st.sampled_from(sorted(made)))]
        config = json.loads(json.dumps(config))
        for _ in range(data.draw(st.integers(0, 3))):
            inner, key = data.draw(st.sampled_from(list(places(config)) or [({}, "x")]))
            subtrees = [other[name] for other, name in places(made["window"][0])]
            value = deepcopy(data.draw(st.sampled_from([*hostile, *subtrees]) | tokens))
            if isinstance(inner, dict) and data.draw(st.integers(0, 9)) == 0:
                inner["more" if data.draw(st.booleans()) else "seed"] = value
            else:
                inner[key] = value
        text = json.dumps(config).encode()
        if data.draw(st.integers(0, 4)) == 0:
            text = data.draw(changed(text, [b"[" * 100_000, b"NaN", b"1" + b"0" * 5000, b'{"format": 1}']))
        root = fuzz.filled({CONFIG: text, WEIGHTS: weights})

        def task() -> None:
            trained = load(root)
            samples = trained.gan.sample(3)
            assert tuple(samples.shape) == (3, *trained.kind.shape)
            assert bool(torch.isfinite(samples).all())

        fuzz.case(task)

    check()
