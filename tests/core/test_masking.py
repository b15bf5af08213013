"""No password stands in what is written: of addresses, of the command line, of the environment."""

import logging
import os
import time
from pathlib import Path

import pytest
from hydra.core import utils
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

import ganlab.core.hydra_records  # noqa: F401
from ganlab.core.masking import MaskedRecord, masked, masked_values, stored_text, without_credentials
from ganlab.core.settings import plain


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
        ("http://u:PLA'N T,Q@localhost:1", "http://***@localhost:1"),
        ("- tracking.uri=http://u:PLA'NTQ@localhost:1", "- tracking.uri=http://***@localhost:1"),
        ("{'a': 'http://h/', 'b': 'me@x'}", "{'a': 'http://h/', 'b': 'me@x'}"),
        ("Max retries exceeded with url: /f?token=PL", "Max retries exceeded with url: /f?token=***"),
        ("https://h/c?sv=1&sig=PL%3D", "https://h/c?sv=1&sig=***"),
        ("https://h/c?key=PL&X-Amz-Credential=PL", "https://h/c?key=***&X-Amz-Credential=***"),
        ("https://h/c;token=PL#access_token=PL", "https://h/c;token=***"),
        ("to https://h/c?pwd=PL&auth=PL now", "to https://h/c?pwd=***&auth=*** now"),
        ("mssql:///?odbc_connect=DRIVER%3Dx%3BPWD%3DPL%3BA%3D1", "mssql:///?odbc_connect=DRIVER%3Dx%3BPWD%3D***"),
        ("f(a);key=b", "f(a);key=b"),
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


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("""tracking.uri="http://u:PLA'NTQ@localhost:1\"""", "http://u:PLA'NTQ@localhost:1"),
        ("tracking.uri='http://u:PLA NTQ@localhost:1'", "http://u:PLA NTQ@localhost:1"),
        ("tracking.uri=http://u:PLA,N@TQ@localhost:1", "http://u:PLA,N@TQ@localhost:1"),
        ("x=[http://u:PLANTQ@h,me@x]", ["http://u:PLANTQ@h", "me@x"]),
        ("+hydra.job.env_set.MLFLOW_TRACKING_PASSWORD=PLANTQ", "PLANTQ"),
        ("+hydra.job.env_set.MLFLOW_TRACKING_TOKEN='PLA NTQ'", "PLA NTQ"),
        ("+hydra.job.env_set={MLFLOW_TRACKING_PASSWORD:PLANTQ,A:b}", {"MLFLOW_TRACKING_PASSWORD": "PLANTQ", "A": "b"}),
    ],
)
def test_a_password_with_any_sign_is_moved_and_read_again(
    monkeypatch: pytest.MonkeyPatch, call: str, value: object
) -> None:
    monkeypatch.delenv("GANLAB_CREDENTIALS", raising=False)
    (safe,) = without_credentials([call], os.environ)
    assert not any(part in safe for part in ("PLA", "NTQ", "TQ@"))
    override = OverridesParser.create().parse_override(safe)
    config = OmegaConf.create({"value": override.value()})
    assert OmegaConf.to_container(config, resolve=True) == {"value": value}


def test_a_job_s_folder_shows_no_password() -> None:
    assert (
        plain("seed=1,tracking.uri=http://u:PLA,N'T Q@host:1/x?token=PL") == "seed-1-tracking.uri-http-host-1-x-token"
    )


@pytest.mark.parametrize("part", ["://", "http://a", "?a", "@://", "%3B", "x'", "://'", "PASSWORD:", "#a"])
def test_masking_takes_a_time_that_grows_with_the_length(part: str) -> None:
    began = time.process_time()
    masked(part * 40_000)
    without_credentials([f"x={part * 40_000}"], {})
    assert time.process_time() - began < 3


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
    env = {"hydra": {"job": {"env_set": {"MLFLOW_TRACKING_PASSWORD": "PL", "A_KEY": "${oc.env:X}", "b": 1}}}}
    utils._save_config(OmegaConf.create(env), "hydra.yaml", tmp_path)
    saved = OmegaConf.to_container(OmegaConf.load(tmp_path / "hydra.yaml"), resolve=False)
    assert saved == {"hydra": {"job": {"env_set": {"MLFLOW_TRACKING_PASSWORD": "***", "A_KEY": "${oc.env:X}", "b": 1}}}}
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
