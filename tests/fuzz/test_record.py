"""A run.json that is damaged, spliced or hostile, read by every command that reads one."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ganlab.command import reproduce, sample, sweep
from ganlab.command.resume import with_overrides
from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.generator import load as loading
from ganlab.generator.stored import stored_config
from ganlab.report.run import write_report
from ganlab.report.summary import write_summary
from ganlab.tracking import facts, record
from ganlab.tracking.mlflow import bring
from ganlab.tracking.store import Store
from tests.conftest import LIMB
from tests.fuzz.cases import changed, many
from tests.fuzz.conftest import Fuzz


class Client:
    """A store that takes everything."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        stored = SimpleNamespace(lifecycle_stage="active", run_id="1", params={})
        return lambda *given, **values: [] if name == "search_runs" else SimpleNamespace(info=stored, data=stored)


def pages(run: Path, kind: Window) -> list[Callable[[], object]]:
    """What takes long, and is done with few cases."""
    return [lambda: write_summary(run.parent), lambda: write_report(run, kind)]


def readers(run: Path, kind: Window, now: dict[str, Any]) -> list[Callable[[], object]]:
    """What the commands do with the facts of a run."""
    trained = lambda: loading.load(run)  # noqa: E731
    return [
        lambda: with_overrides(run, OmegaConf.create({"trust": []}), []),
        lambda: record.home(run),
        lambda: facts.end_if_dead(run),
        lambda: facts.check_data(run, facts.earlier(run), now),
        lambda: facts.begun_under(facts.earlier(run), {}),
        lambda: record.read_split(run),
        lambda: reproduce._circumstances(reproduce._facts(run)),
        lambda: reproduce._environment(reproduce._facts(run), trusting=False),
        lambda: sample.origin_lines(trained(), 0),
        lambda: loading.sampled(trained(), kind, None, 2, "error"),
        lambda: sweep._failures(run.parent),
        lambda: bring(run, Store("sqlite://", run.parent), (Client(), "1")),
        lambda: facts.end(run, "KILLED"),
    ]


def test_record(fuzz: Fuzz, made_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_run(*LIMB)
    networks = loading.compose_networks(stored_config(run))
    monkeypatch.setattr(loading, "compose_networks", lambda *given: networks)
    # No disk fails, and it would take most of the time.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    # The whole configuration takes long to parse, and its networks are here.
    config = "".join(f"{group}: {{}}\n" for group in record.GROUPS)
    whole = record.read_facts(run)
    whole["files"] = record.note_written(whole, {"config.yaml": config})
    content = json.dumps(whole, indent=1).encode()
    others = [(run / name).read_bytes() for name in ("split.json", "metrics.json", "config.yaml")]
    assert isinstance(networks.kind, Window)

    @many
    @given(changed(content, others), st.integers(0, 9))
    def check(damaged: bytes, page: int) -> None:
        folder = fuzz.filled({"run/run.json": damaged}) / "run"
        for name in ("split.json", "metrics.json"):
            shutil.copy(run / name, folder)
        (folder / "config.yaml").write_text(config)
        for path in run.glob("checkpoints"):
            (folder / path.name).symlink_to(path)
        (folder / ".hydra").mkdir()

        def read() -> None:
            refused = 0
            for reader in [
                *readers(folder, networks.kind, whole["provenance"]),
                *(pages(folder, networks.kind) if page == 0 else []),
            ]:
                # A reader may write to run.json too.
                (folder / "run.json").write_bytes(damaged)
                try:
                    reader()
                except UserError as error:
                    refused, last = refused + 1, error
            if refused:
                raise last

        fuzz.case(read)

    check()
