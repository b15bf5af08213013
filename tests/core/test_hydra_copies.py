"""Hydra's store of configurations is not copied: what the patch relies on."""

import subprocess
import sys
from copy import deepcopy

import pytest
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType

from ganlab.core.settings import CONF
from tests.conftest import ROOT


def test_a_copy_of_the_store_is_the_store() -> None:
    assert deepcopy(ConfigStore.instance()) is ConfigStore.instance()


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


def test_composing_leaves_the_store_as_it_was() -> None:
    GlobalHydra.instance().clear()
    before = {group: sorted(nodes) for group, nodes in ConfigStore.instance().repo.items() if isinstance(nodes, dict)}
    with initialize_config_dir(CONF, version_base="1.3"):
        GlobalHydra.instance().config_loader().get_group_options("trick", ObjectType.CONFIG)
    after = {group: sorted(nodes) for group, nodes in ConfigStore.instance().repo.items() if isinstance(nodes, dict)}
    assert before == after
