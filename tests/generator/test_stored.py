"""A folder that somebody shares executes nothing: what its config.yaml names is refused by place and value."""

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf

import ganlab
from ganlab.command import reproduce as reproduction
from ganlab.command.evaluate import _task_of_run
from ganlab.command.play import play
from ganlab.command.publish import publish
from ganlab.command.reading_sheet import make_sheet
from ganlab.command.reproduce import reproduce
from ganlab.command.resume import with_overrides
from ganlab.command.sample import write_samples
from ganlab.compose import compose
from ganlab.core.errors import UserError
from ganlab.core.masking import stored_text
from ganlab.core.settings import CONF, run_folder
from ganlab.generator.allowed import Allowed, choices
from ganlab.generator.export import export_generator
from ganlab.generator.load import load
from ganlab.generator.stored import stored_config
from ganlab.report.summary import summarize
from ganlab.tracking.checkpoints import whole_size
from tests.conftest import LIMB, ROOT
from tests.generator.hostile import CANARY, EXTRA, HOSTILE, PICKLE, TEXTS, with_value
from tests.test_conf import CHOICES, WITH, composed


class Canary:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (CANARY,)


@pytest.fixture
def folder(made_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run as it is shared; a pickle and modules that would leave a trace lie in the working folder and in it."""
    folder = tmp_path / "shared"
    shutil.copytree(made_run(*LIMB), folder)
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path, folder):
        (place / PICKLE).write_bytes(pickle.dumps(Canary()))
        (place / "canary.py").write_text(f"import os\nos.mkdir({str(tmp_path / CANARY)!r})")
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(facts | {"working_folder": str(tmp_path), "files": {}}))
    return folder


def command(name: str, folder: Path, out: Path) -> object:
    """What a command does with a folder, up to and beyond the place where it builds objects."""
    cfg = OmegaConf.create({"synthetic": str(folder), "checkpoint": None, "trust": [], "cache": "outputs/cache"})
    calls: dict[str, Callable[[], object]] = {
        "sample": lambda: write_samples(str(folder), 2, "npy", str(out)),
        "export_generator": lambda: export_generator(str(folder), str(out)),
        "reading_sheet": lambda: make_sheet(folder, 4, out),
        "reproduce": lambda: reproduce(str(folder), str(out)),
        "publish": lambda: publish(str(folder), str(out), "Our hospital"),
        "play": lambda: play(str(folder), port=0, browser=False),
        "ganlab.load": lambda: ganlab.load(folder),
        "evaluate": lambda: _task_of_run(cfg, folder),
        "resume": lambda: with_overrides(folder, cfg, []),
    }
    return calls[name]()


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("architecture.generator.width", 1e6, r"networks of [\d,]+ bytes, and its weights have"),
        ("architecture.discriminator.width", 1e6, r"networks of [\d,]+ bytes, and its weights have"),
        ("arrangement.side", 200_000, r"config.yaml: arrangement.side: 200000 is refused: accepted are 4,096 pixels"),
        ("arrangement.side", [8, 200_000], r"config.yaml: arrangement.side: 200000 is refused"),
    ],
)
def test_what_would_fill_the_memory_is_refused_before_it_is_made(
    place: str, value: Any, message: str, folder: Path
) -> None:
    file = folder / "config.yaml"
    file.write_text(with_value(file.read_text(), place, value))
    with pytest.raises(UserError, match=message):
        load(folder)
    with pytest.raises(UserError, match=message):
        compose(stored_config(folder), whole_size(folder))


@pytest.fixture(scope="module")
def text() -> str:
    return stored_text(composed("architecture=cnn_slim", "arrangement=limb_derived", "trick=ema"))


@pytest.fixture
def config(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nothing but a configuration, and a pickle and a module in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / PICKLE).write_bytes(pickle.dumps(Canary()))
    (tmp_path / "canary.py").write_text(f"import os\nos.mkdir({CANARY!r})")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "config.yaml").write_text(text)
    return tmp_path / "shared"


COMMANDS = ("sample", "export_generator", "reading_sheet", "reproduce", "evaluate", "resume")
COMMANDS += ("publish", "play", "ganlab.load")


def written(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_folder_names_is_refused_by_place_and_value(config: Path, text: str, name: str) -> None:
    path, value = HOSTILE[name]
    (config / "config.yaml").write_text(with_value(text, path, value))
    before = written(config.parent)
    with pytest.raises(UserError) as refused:
        stored_config(config)
    message = str(refused.value)
    assert str(config / "config.yaml") in message
    assert path.split(".")[0] in message
    if isinstance(value, dict) and not any(key.startswith("_") for key in value.keys() - {"_target_"}):
        assert str(value["_target_"]) in message
    assert written(config.parent) == before


@pytest.mark.parametrize("name", [*TEXTS, *EXTRA])
def test_a_text_that_is_no_configuration_is_refused(config: Path, text: str, name: str) -> None:
    content = TEXTS[name] if name in TEXTS else text + EXTRA[name]
    (config / "config.yaml").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=r"config\.yaml"):
        stored_config(config)
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses(folder: Path, name: str) -> None:
    whole = (folder / "config.yaml").read_text()
    for trial in ("pandas pickle", "copyfile", "environment", "hydra"):
        (folder / "config.yaml").write_text(with_value(whole, *HOSTILE[trial]))
        with pytest.raises(UserError, match=r"shared/config\.yaml: .* is refused"):
            command(name, folder, folder.parent / "out")
    summarize(str(folder.parent))
    assert not Path(CANARY).exists()
    assert not Path("out").exists()


def test_what_the_run_s_own_version_named_and_this_one_lacks_passes(folder: Path) -> None:
    for gone in ("ganlab.metrics.physiology.VisualCriteria", "ganlab.callbacks.rule.Rule", "ganlab.metrics.base.Old"):
        assert stored_config(folder)
        text = with_value((folder / "config.yaml").read_text(), "metrics.measures.old._target_", gone)
        (folder / "config.yaml").write_text(text)
    assert load(folder).gan.sample(1).shape[0] == 1


def test_nothing_is_downloaded_and_no_store_is_reached_because_a_folder_says_so(folder: Path) -> None:
    text = (folder / "config.yaml").read_text()
    root = {"_target_": "ganlab.dataset.ptbdb.PTBDB", "root": str(Path.home()), "download": True, "url": "http://x/"}
    (folder / "config.yaml").write_text(with_value(text, "dataset", root))
    assert stored_config(folder).dataset.download is False
    sent = with_value(text, "tracking", {"mlflow": True, "uri": "http://127.0.0.1:1/"})
    (folder / "config.yaml").write_text(sent)
    with pytest.raises(UserError, match=r"tracking\.uri=http://127\.0\.0\.1:1/, and a folder may not decide"):
        command("resume", folder, folder)
    (folder / "config.yaml").write_text(with_value(text, "tracking", {"mlflow": False, "wandb": "online"}))
    with pytest.raises(UserError, match=r"tracking\.wandb=online, and a folder may not decide where a run is sent"):
        command("resume", folder, folder)
    (folder / "config.yaml").write_text(with_value(text, "tracking", 5))
    with pytest.raises(UserError, match="This configuration cannot be built"):
        compose(command("resume", folder, folder))  # type: ignore[arg-type]


def test_a_run_is_made_again_from_what_was_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[list[str], dict[str, Any]]] = []

    def run(command: list[str], **settings: Any) -> SimpleNamespace:
        calls.append((command, settings))
        (folder / "config.yaml").write_text("{}")
        assert "ganlab" in Path(command[command.index("--config-path") + 1], "config.yaml").read_text()
        return SimpleNamespace(returncode=1)

    monkeypatch.setattr(reproduction.subprocess, "run", run)
    monkeypatch.setenv("PYTHONPATH", "relative")
    with pytest.raises(UserError, match="did not run again"):
        reproduce(str(folder), "out")
    ((command, settings),) = calls
    assert command[1] == "-P"
    assert {"tracking.mlflow=false", "++tracking.wandb=null"} <= {*command}
    assert str(folder) not in command
    assert all(Path(each).is_absolute() for each in settings["env"]["PYTHONPATH"].split(os.pathsep))
    assert str(Path.cwd()) not in settings["env"]["PYTHONPATH"].split(os.pathsep)


def test_a_picture_of_an_export_builds_nothing_that_lies_beside_it(
    config: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_from_file_location("sheet", ROOT / "scripts" / "sheet.py")
    assert spec is not None
    assert spec.loader is not None
    sheet = module_from_spec(spec)
    spec.loader.exec_module(sheet)
    monkeypatch.setattr(sheet, "load", lambda run: None)
    monkeypatch.setattr(sys, "argv", ["sheet.py", str(config), "out.png"])
    hostile = {"_target_": "os.mkdir", "path": CANARY}
    (config / "config.yaml").write_text(with_value(text, "standardization", hostile))
    with pytest.raises(UserError, match=r"standardization\._target_: 'os\.mkdir' is refused"):
        sheet.main()
    assert not Path(CANARY).exists()


@pytest.mark.slow
def test_a_run_made_again_imports_nothing_from_the_folder_that_the_run_names(folder: Path, tmp_path: Path) -> None:
    """A working folder with a module of a common name, and a `trust` that the folder gives itself."""
    for module in ("yaml", "torch", "numpy", "hydra"):
        (folder / f"{module}.py").write_text((folder / "canary.py").read_text())
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(facts | {"working_folder": str(folder)}))
    text = with_value((folder / "config.yaml").read_text(), "trust", ["canary"])
    (folder / "config.yaml").write_text(text)
    with suppress(UserError):
        reproduce(str(folder), str(tmp_path / "out"))
    assert (tmp_path / "out" / "run.json").is_file()
    assert not Path(CANARY).exists()


# Trust


@pytest.fixture
def own_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A loss of the user's own in the package `mine`, which the run names."""
    package = folder.parent / "packages" / "mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import os\n")
    (package / "losses.py").write_text("from ganlab.loss.bce import BCE\n\n\nclass Own(BCE):\n    pass\n")
    monkeypatch.syspath_prepend(package.parent)
    text = with_value((folder / "config.yaml").read_text(), "loss", {"_target_": "mine.losses.Own"})
    (folder / "config.yaml").write_text(text)
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
        del sys.modules[name]


def test_own_code_is_built_where_the_command_line_trusts_it(own_code: Path) -> None:
    with pytest.raises(UserError, match=r"loss\._target_: 'mine\.losses\.Own' is refused.*trust=\[mine\]"):
        load(own_code)
    assert "mine" not in sys.modules
    for trust in ("mine", ["mine.losses"], ["other", "mine"]):
        assert type(load(own_code, trust=trust).gan.loss).__name__ == "Own"
    with pytest.raises(UserError, match="is refused"):
        load(own_code, trust=["mine.loss"])


@pytest.mark.parametrize("target", ["mine.os.mkdir", "mine.losses.BCE", "mine.nothing", "mine.gone.Own"])
def test_trusting_a_package_does_not_trust_what_it_imports(own_code: Path, target: str) -> None:
    text = with_value((own_code / "config.yaml").read_text(), "loss", {"_target_": target, "path": CANARY})
    (own_code / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"is refused|PYTHONPATH"):
        load(own_code, trust=["mine"])
    assert not Path(CANARY).exists()


@pytest.mark.parametrize(
    "trust",
    [
        "os",
        "builtins",
        "subprocess.run",
        "",
        "mine;os",
        "oc.env:",
        "*",
        "ganlab",
        "pandas",
        "hydra.utils",
        "mlflow",
        "torch",
        "yaml",
    ],
)
def test_not_everything_can_be_trusted(config: Path, trust: str) -> None:
    with pytest.raises(UserError, match=r"trust=\["):
        stored_config(config, [trust])


def test_a_variable_is_read_where_conf_or_the_command_line_names_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANLAB_DATA", "/somewhere")
    monkeypatch.setenv("SCRATCH", "/scratch")
    text = with_value((config / "config.yaml").read_text(), "reported", "${oc.env:GANLAB_DATA,data}/ptbdb")
    (config / "config.yaml").write_text(text)
    assert stored_config(config).reported == "/somewhere/ptbdb"
    (config / "config.yaml").write_text(with_value(text, "reported", "${oc.env:SCRATCH}/x"))
    with pytest.raises(UserError, match=r"trust=\[oc\.env:SCRATCH\]"):
        stored_config(config)
    assert stored_config(config, ["oc.env:SCRATCH"]).reported == "/scratch/x"


# What is allowed


@pytest.mark.parametrize("choice", [c for c in CHOICES if c.parts[0] not in {"experiment", "size"}], ids=str)
def test_every_choice_of_ours_is_allowed(choice: Path) -> None:
    group, name = choice.parts[0], "/".join(choice.parts[1:])
    given = {override.partition("=")[0]: override for override in WITH.get(str(choice), ())}
    cfg = OmegaConf.to_container(composed(*(given | {group: f"{group}={name}"}).values()), resolve=True)
    Allowed(group).check(cfg[group], group)


def test_the_list_is_that_of_the_groups() -> None:
    assert {target.split(".")[2] for target in choices("loss")} == {file.stem for file in Path(CONF, "loss").glob("*")}
    assert not choices("..")
    assert not choices("hydra/launcher")
    assert choices("gan")["ganlab.gan.acgan.ACGAN"].partial
    everything = [yaml.safe_dump(dict(enumerate(choices(group)))) for group in ("dataset", "metrics", "arrangement")]
    assert not any(word in text for text in everything for word in ("download", "write", "Path"))


@pytest.mark.parametrize("name", ["checkpoints", "grids", ".hydra", "run.log", "checkpoints/last.ckpt"])
def test_nothing_is_written_where_a_link_of_a_folder_leads(config: Path, tmp_path: Path, name: str) -> None:
    elsewhere, link = tmp_path / "elsewhere", config / name
    elsewhere.mkdir()
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere)
    with pytest.raises(SystemExit, match=f"'{name}' is a link"):
        run_folder(str(config), "outputs", "now", {})


def test_samples_are_not_written_where_a_link_leads(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "samples").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"samples is a link.*out=<folder>"):
        write_samples(str(folder), 2, "npy", None)
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_checkpoint_that_holds_code_is_not_read(folder: Path) -> None:
    file = max((folder / "checkpoints").glob("step_*.ckpt"))
    torch.save({"state_dict": Canary()}, file)
    file.with_name(f"{file.name}.sha256").unlink()
    with pytest.raises(UserError):
        load(folder)
    assert not Path(CANARY).exists()
