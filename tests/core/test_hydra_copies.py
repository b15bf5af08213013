"""Hydra's store of configurations is not copied: what the patch relies on."""

import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from omegaconf import OmegaConf

from ganlab.core.settings import CONF
from tests.conftest import ROOT


def test_hydra_still_copies_its_store_so_the_patch_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = []
    monkeypatch.setattr(ConfigStore, "__deepcopy__", lambda store, memo: copies.append(1) or store)
    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF, version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        loader.get_group_options("dataset", ObjectType.CONFIG)
    assert copies, "Hydra no longer copies its store: remove ganlab/core/hydra_copies.py"


def test_hydra_composes_the_same_with_and_without_the_patch() -> None:
    code = (
        "import sys, ganlab.run\n"
        "from hydra.core.config_store import ConfigStore\n"
        "if sys.argv.pop(1) == 'plain':\n    del ConfigStore.__deepcopy__\n"
        "ganlab.run.main()"
    )
    for words in (["--help"], ["--cfg", "job", "experiment=laptop"]):
        outputs = {
            which: subprocess.run(
                [sys.executable, "-c", code, which, *words], capture_output=True, text=True, cwd=ROOT, check=True
            ).stdout
            for which in ("patched", "plain")
        }
        assert outputs["patched"] == outputs["plain"] != ""


def test_nothing_writes_to_the_store_while_a_configuration_is_composed() -> None:
    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF, version_base="1.3"):
        before = contents(ConfigStore.instance().repo)
        GlobalHydra.instance().config_loader().get_group_options("trick", ObjectType.CONFIG)
        compose("config", overrides=["trick=[label_smoothing,ema]", "experiment=laptop"])
        assert contents(ConfigStore.instance().repo) == before


def contents(repo: dict) -> dict:
    """Every node of the store as text."""
    return {
        name: contents(node) if isinstance(node, dict) else OmegaConf.to_yaml(node.node) for name, node in repo.items()
    }
