"""The `config.yaml` of a folder that somebody shares: words and bytes changed, hostile values put anywhere in it."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganlab.compose import compose_networks
from ganlab.core.masking import stored_text
from ganlab.generator.allowed import nodes_of
from ganlab.generator.stored import stored_config
from ganlab.tracking.record import config_values
from tests.fuzz.cases import TOKENS, changed, many
from tests.fuzz.conftest import Fuzz
from tests.generator.hostile import EXTRA, HOSTILE, TEXTS, with_value
from tests.test_conf import composed

NARROW = (
    "architecture=cnn_slim",
    "architecture.width=0.05",
    "arrangement=limb_derived",
    "trick=ema",
    "dataset.patients=4",
)
VALUES = [value for _, value in HOSTILE.values()]
PLAIN = (*TOKENS, 0, -1, 1e308, True, None, [], {}, [[]], {"a": {"b": []}})


def paths_of(value: Any, above: str = "") -> list[str]:
    """All dotted paths of a configuration."""
    inner = (
        [path for key, each in value.items() for path in paths_of(each, f"{above}{key}.")]
        if isinstance(value, dict)
        else []
    )
    return [*([above.rstrip(".")] if above else []), *inner]


def test_stored(fuzz: Fuzz, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it holds, a result names only what conf/ names, and nothing is done but to build networks."""
    monkeypatch.setattr(os, "system", lambda command: fuzz.canary.touch())
    text = stored_text(composed(*NARROW))
    paths = paths_of(config_values(fuzz.filled({"config.yaml": text.encode()})))
    others = [
        each.encode(errors="surrogateescape") for each in (*TEXTS.values(), *(text + extra for extra in EXTRA.values()))
    ]
    put = st.tuples(st.sampled_from(paths), st.sampled_from(VALUES) | st.sampled_from(PLAIN))
    texts = put.map(lambda each: with_value(text, *each).encode()) | changed(text.encode(), others)

    @many
    @given(texts)
    def check(content: bytes) -> None:
        folder = fuzz.filled({"config.yaml": content})

        def task() -> None:
            config = stored_config(folder)
            targets = [node["_target_"] for node in nodes_of(config_values(folder))]
            assert all(str(target).startswith(("ganlab.", "torch.optim.", "pytorch_lightning.")) for target in targets)
            compose_networks(config)

        fuzz.case(task)

    check()
