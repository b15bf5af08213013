"""A run's record of itself: what was changed, cut or lost is named with a way on, and where its paths begin now."""

import json
from pathlib import Path

import pytest

from ganlab.core.errors import UserError
from ganlab.tracking.record import GROUPS, config_values, home, note_written, read_facts, read_scores, read_split

CONFIG = "".join(f"{group}: {{}}\n" for group in GROUPS)
SPLIT = json.dumps({"name": "patient", "seed": 0, "parts": {"train": ["a", "b"], "test": ["c"]}})
CHOICES = {"dataset": "ptbdb", "trick": ["ema"], "experiment": None}
FACTS = {"name": "x", "choices": CHOICES, "data": {"parts": {"train": {"samples": 3}}}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    texts = {"config.yaml": CONFIG, "split.json": SPLIT}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "run.json").write_text(json.dumps(FACTS | {"files": note_written({}, texts)}))
    return tmp_path


def test_what_the_run_wrote_is_read(run: Path) -> None:
    assert read_facts(run, "name", "choices")["name"] == "x"
    assert read_split(run).parts == {"train": ("a", "b"), "test": ("c",)}
    assert set(config_values(run)) == set(GROUPS)


READERS = {"run.json": read_facts, "split.json": read_split, "config.yaml": config_values}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("fault", ["missing", "half", "empty", "no text", "nested"])
def test_a_damaged_file_is_named_with_the_way_on(run: Path, name: str, fault: str) -> None:
    file = run / name
    content = file.read_bytes()
    file.unlink()
    if fault != "missing":
        faults = {"half": content[: len(content) // 2], "empty": b"", "no text": b"\xff\xfe", "nested": b"[" * 100_000}
        file.write_bytes(faults[fault])
    with pytest.raises(UserError, match=rf"{name} is (missing|damaged).*Restore it from a copy.*{run}"):
        READERS[name](run)


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff\xfe", b'{"a": 5}', b'{"a": {"synthetic": "x"}}'])
def test_damaged_scores_are_named(run: Path, content: bytes) -> None:
    assert read_scores(run) == {}
    (run / "metrics.json").write_bytes(content)
    with pytest.raises(UserError, match=rf"metrics.json is damaged.*Remove it and measure again: .* resume={run}"):
        read_scores(run)
    (run / "metrics.json").write_text('{"a": {"synthetic": 1, "real": 2}, "b": {"synthetic": null}}')
    assert read_scores(run)["a"]["real"] == 2


def test_an_edited_split_is_refused(run: Path) -> None:
    """A training patient who becomes a test patient would make copies of training data look like good samples."""
    (run / "split.json").write_text(SPLIT.replace('["a", "b"]', '["a"]').replace('["c"]', '["b", "c"]'))
    with pytest.raises(UserError, match=r"split\.json was changed since the run wrote it: its SHA-256 is"):
        read_split(run)


def test_an_edited_configuration_is_refused_and_an_earlier_one_of_the_run_is_not(run: Path) -> None:
    facts = read_facts(run)
    (run / "run.json").write_text(json.dumps(facts | {"files": note_written(facts, {"config.yaml": "later"})}))
    assert config_values(run)
    (run / "config.yaml").write_text(CONFIG + "seed: 1\n")
    with pytest.raises(UserError, match=r"config\.yaml was changed"):
        config_values(run)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"choices": "z"}, "choices: Input should be a valid dictionary"),
        ({"choices": {"dataset": "x", "trick": 3}}, "choices.trick"),
        ({"data": {"parts": {"train": {"samples": -1}}}}, "data.parts.train.samples"),
        ({"pid": "4"}, "pid"),
        ({"pid": -1}, "pid"),
        ({"started": "yesterday"}, "started"),
        ({"files": {"split.json": "abc"}}, r"files.split\.json"),
    ],
)
def test_values_of_another_type_are_named_by_path(run: Path, changes: dict, message: str) -> None:
    (run / "run.json").write_text(json.dumps(FACTS | changes))
    with pytest.raises(UserError, match=rf"run\.json is damaged: {message}"):
        read_facts(run)


def test_a_fact_that_is_needed_is_named(run: Path) -> None:
    with pytest.raises(UserError, match=r"run\.json does not say choices\.size"):
        read_facts(run, "choices.dataset", "choices.size")
    with pytest.raises(UserError, match=r"run\.json does not say seed, id"):
        read_facts(run, "name", "seed", "id")


@pytest.mark.parametrize(
    ("facts", "lies", "expected"),
    [
        ({"working_folder": "old/project", "folder": "outputs/runs/x"}, "new/project/outputs/runs/x", "new/project"),
        ({"working_folder": "old/project"}, "new/project/outputs/runs/x", "new/project"),
        ({"working_folder": "project", "folder": "../out/x"}, "out/x", "."),
        ({"working_folder": "project", "folder": "results/x"}, "project/kept/x", "project"),
        ({"working_folder": "old/project", "folder": "outputs/runs/x"}, "from_anna/x", "."),
    ],
    ids=["moved", "moved, of an earlier version", "beside", "within", "a copy alone"],
)
def test_relative_paths_begin_where_the_project_lies_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict, lies: str, expected: str
) -> None:
    (tmp_path / lies).mkdir(parents=True)
    (tmp_path / "project").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    absolute = {"working_folder": str(tmp_path / facts["working_folder"])}
    (tmp_path / lies / "run.json").write_text(json.dumps(facts | absolute))
    assert home(Path(lies)) == (tmp_path / expected).resolve()


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "<img src=x onerror=y>", "a`b"])
def test_a_name_that_a_card_or_terminal_would_obey_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"name": name}))
    with pytest.raises(UserError, match=r"run\.json"):
        read_facts(tmp_path)
