"""Overrides of the command line, from the groups' choices to nonsense, composed as `python -m ganlab.run` does."""

from pathlib import Path

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import ganlab.core.settings
from ganlab.compose import compose, plain_values
from ganlab.core.errors import BadRecord, UserError
from ganlab.core.instantiate import build
from ganlab.evaluation.evidence import check_measures
from tests.fuzz.cases import many, tokens
from tests.fuzz.conftest import Fuzz

CONF = Path(ganlab.core.settings.CONF)
GROUPS = {
    folder.name: sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))
    for folder in sorted(CONF.iterdir())
    if folder.is_dir()
}
NARROW = {"architecture.width": "0.05"}
"""What keeps a case small, unless it says otherwise."""
PLAIN = ("0", "1", "2", "-1", "7.5", "1e9", "true", "null", "[]", "[1,2]", "{}", "{a: 1}", "x", "'a b'", "???", "nan")
ODD = (
    "[1",
    "{",
    "'",
    "$",
    "${",
    "${seed}",
    "${nope}",
    "${oc.env:NOPE}",
    "${batch_size}",
    "a=b",
    "\\",
    "${len:1}",
    "!x",
)


def leaves(node: DictConfig, prefix: str = "") -> list[str]:
    """Paths of all values below a node."""
    found = []
    for key in node:
        path = f"{prefix}{key}"
        value = (
            OmegaConf.select(node, str(key), throw_on_missing=False) if not OmegaConf.is_missing(node, key) else None
        )
        found += leaves(value, f"{path}.") if isinstance(value, DictConfig) and len(value) else [path]
    return found


def composed(overrides: list[str]) -> DictConfig:
    """Composed by Hydra; some of what it says of a group without a name, or of too long a one, are bare errors."""
    try:
        return hydra_compose("config", overrides=overrides)
    except (TypeError, ValueError, OSError) as error:
        raise HydraException(str(error)) from error


values = st.integers(0, 7).flatmap(lambda n: st.sampled_from(PLAIN) if n else st.sampled_from(ODD) | tokens)


@st.composite
def override(draw: st.DrawFn, paths: list[str]) -> str:
    group = draw(st.sampled_from(sorted(GROUPS)))
    choice = draw(st.sampled_from(GROUPS[group]))
    path = draw(st.sampled_from(paths))
    value = draw(values)
    odd = (f"{group}={value}", f"+{path}={choice}", f"~{path}", f"{path}{draw(tokens)}=1", draw(tokens))
    return draw(st.sampled_from((f"{group}={choice}", f"{path}={value}") * 10 + odd))


def test_config(fuzz: Fuzz) -> None:
    GlobalHydra.instance().clear()
    with initialize_config_dir(ganlab.core.settings.CONF, version_base="1.3"):
        paths = [path for path in leaves(composed(["trick=[ema,label_smoothing,random_crop]"])) if path != "resume"]

        @many
        @given(st.lists(override(paths), min_size=1, max_size=3))
        def check(overrides: list[str]) -> None:
            said = {one.partition("=")[0] for one in overrides}
            narrow = [f"{key}={value}" for key, value in NARROW.items() if key not in said]

            def task() -> None:
                cfg = composed([*narrow, *overrides])
                experiment = compose(cfg)
                measures = {name: build(node) for name, node in cfg.metrics.measures.items()}
                check_measures(measures, cfg.metrics.objective, experiment.data.kind)
                plain_values(cfg)

            fuzz.case(task, (UserError, BadRecord, HydraException, OmegaConfBaseException))

        check()
