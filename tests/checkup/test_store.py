"""MLflow stores that do not answer, and what is said of them."""

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ganlab.checkup.store import TABLES, store


@pytest.fixture(autouse=True)
def no_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def answering(status: int) -> type[BaseHTTPRequestHandler]:
    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    return Server


@pytest.fixture(params=[200, 503])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    with HTTPServer(("127.0.0.1", 0), answering(request.param)) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", request.param
        http.shutdown()


def test_a_server_that_answers_is_right_and_one_that_refuses_wrong(server: tuple[str, int], tmp_path: Path) -> None:
    uri, status = server
    (finding,) = store(uri, tmp_path, 3)
    assert finding.state == ("ok" if status == 200 else "wrong")
    assert uri in finding.message


def test_a_dead_port_and_a_silent_one_are_wrong_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        began = time.monotonic()
        (finding,) = store(f"http://user:hunter2@127.0.0.1:{port}", tmp_path, 0.5)
        assert time.monotonic() - began < 10
        assert finding.state == "wrong"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:hunter2@127.0.0.1:{port}")
    (finding,) = store(None, tmp_path, 3)
    assert finding.state == "wrong"
    assert f"http://127.0.0.1:{port} does not answer" in finding.message
    assert "tracking=none" in finding.advice
    assert "hunter2" not in str(finding)


def whole(file: Path) -> None:
    with sqlite3.connect(file) as made:
        for name in TABLES:
            made.execute(f"CREATE TABLE {name} (version_num TEXT)")
        made.execute("INSERT INTO alembic_version VALUES ('a')")
    made.close()


def test_a_whole_file_or_none_yet_is_right(tmp_path: Path) -> None:
    (finding,) = store(None, tmp_path, 1)
    assert finding.state == "ok"
    assert not (tmp_path / "mlflow.db").exists()
    whole(tmp_path / "mlflow.db")
    (finding,) = store(None, tmp_path, 1)
    assert (finding.state, "is whole" in finding.message) == ("ok", True)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda file: file.write_bytes(b"not a database, and long enough to be read as one" * 100), "is damaged"),
        (lambda file: file.write_bytes(file.read_bytes()[:9000]), "damaged"),
        (lambda file: _run(file, "DELETE FROM alembic_version"), "incomplete"),
        (lambda file: _run(file, "INSERT INTO alembic_version VALUES ('b')"), "incomplete"),
        (lambda file: _run(file, "CREATE TABLE _alembic_tmp_experiments (a)"), "incomplete"),
        (lambda file: _run(file, "DROP TABLE experiments"), "incomplete"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be opened"),
    ],
)
def test_a_ruined_file_is_wrong(tmp_path: Path, break_it: object, said: str) -> None:
    file = tmp_path / "mlflow.db"
    whole(file)
    break_it(file)  # type: ignore[operator]
    (finding,) = store(f"sqlite:///{file}", tmp_path, 0.1)
    assert finding.state == "wrong"
    assert said in finding.message


def _run(file: Path, statement: str) -> None:
    with sqlite3.connect(file) as changed:
        changed.execute(statement)
    changed.close()


def test_a_locked_file_is_wrong(tmp_path: Path) -> None:
    whole(tmp_path / "mlflow.db")
    other = sqlite3.connect(tmp_path / "mlflow.db")
    other.execute("BEGIN EXCLUSIVE")
    (finding,) = store(None, tmp_path, 0.1)
    other.close()
    assert finding.state == "wrong"
    assert "database is locked" in finding.message


def test_what_mlflow_refuses_is_wrong_and_what_was_not_tried_is_said(tmp_path: Path) -> None:
    for uri in ("file:./mlruns", "./mlruns"):
        assert store(uri, tmp_path, 1)[0].state == "wrong"
    (finding,) = store("postgresql://user:hunter2@host/db", tmp_path, 1)
    assert finding.state == "note"
    assert "hunter2" not in str(finding)


def test_a_store_that_mlflow_made_is_whole(tmp_path: Path) -> None:
    from ganlab.tracking.store import Store

    Store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path).open()
    (finding,) = store(None, tmp_path, 1)
    assert finding.state == "ok", finding.message
