"""No password stands in what is written: of addresses, of the command line, of the environment."""

import logging
from pathlib import Path

import pytest
from hydra.core import utils
from omegaconf import OmegaConf

import ganlab.core.hydra_records  # noqa: F401
from ganlab.core.masking import MaskedRecord, masked, masked_values, stored_text, without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:pw@host:5000/x", "http://***@host:5000/x"),
        ("postgresql+psycopg2://me:p/w@host/db", "postgresql+psycopg2://***@host/db"),
        ("a http://me:p@ss@h, b", "a http://***@h, b"),
        ("https://token@host", "https://***@host"),
        ("https://host/x?a=1&api_key=abc&b=2", "https://host/x?a=1&api_key=***&b=2"),
        ("https://host/x?password=abc", "https://host/x?password=***"),
        ("http://${oc.env:PW}@host", "http://${oc.env:PW}@host"),
        ("sqlite:///outputs/mlflow.db", "sqlite:///outputs/mlflow.db"),
        ("me@example.org", "me@example.org"),
    ],
)
def test_credentials_in_addresses_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked_values({"a": [text, 1, None]}) == {"a": [shown, 1, None]}


def test_the_command_line_keeps_variables_in_their_place() -> None:
    environment = {"GANLAB_CREDENTIALS": "another:one"}
    call = ["tracking.uri=http://me:pw@h", "x='https://h/?token=abc'", "y=http://me:pw@g", "seed=1,2"]
    safe = without_credentials(call, environment)
    assert safe[0] == "tracking.uri=http://${oc.env:GANLAB_CREDENTIALS_2}@h"
    assert safe[2:] == ["y=http://${oc.env:GANLAB_CREDENTIALS_2}@g", "seed=1,2"]
    assert environment["GANLAB_CREDENTIALS_2"] == "me:pw"
    assert not any(secret in text for secret in ("pw@", "abc") for text in safe)
    assert without_credentials(safe, environment) == safe


def test_a_stored_configuration_is_resolved_but_for_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "hush")
    config = OmegaConf.create(
        {
            "folder": "out",
            "cache": "${oc.env:GANLAB_CACHE,${folder}/a cache}",
            "inner": {"cache": "${cache}", "leads": "${leads}"},
            "leads": ["i", "${oc.env:PLANTED}"],
            "uri": "http://me:pw@host",
            "count": "${len:${leads}}",
        }
    )
    import ganlab.core.settings  # noqa: F401

    stored = OmegaConf.create(stored_text(config))
    plain = OmegaConf.to_container(stored)
    assert plain == {
        "folder": "out",
        "cache": "${oc.env:GANLAB_CACHE,'out/a cache'}",
        "inner": {"cache": "${oc.env:GANLAB_CACHE,'out/a cache'}", "leads": ["i", "${oc.env:PLANTED}"]},
        "leads": ["i", "${oc.env:PLANTED}"],
        "uri": "http://***@host",
        "count": 2,
    }
    assert stored.inner.cache == config.inner.cache
    assert config.leads[1] == "hush"


def test_hydra_s_record_and_the_log_are_masked(tmp_path: Path) -> None:
    utils._save_config(OmegaConf.create({"uri": "http://me:pw@host", "env": "${oc.env:X}"}), "config.yaml", tmp_path)
    assert (tmp_path / "config.yaml").read_text() == "uri: http://***@host\nenv: ${oc.env:X}\n"
    record = MaskedRecord("x", logging.ERROR, "f", 1, "to %s", ("http://me:pw@host",), None)
    record.exc_text = "Traceback: http://me:pw@host"
    assert "pw" not in logging.Formatter().format(record)


def test_hydra_s_record_that_cannot_be_written_ends_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as end:
        utils._save_config(OmegaConf.create({"a": 1}), "config.yaml", tmp_path / "file" / ".hydra")
    assert end.value.code == 2
    assert "config.yaml cannot be written" in capsys.readouterr().err
