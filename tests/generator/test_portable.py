"""A generator to share: it samples as its run does, holds nothing of the training data, and is loaded without trust."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ganlab.command.sample import write_samples
from ganlab.compose import compose
from ganlab.core.errors import UserError
from ganlab.core.instantiate import build
from ganlab.dataset.module import Data
from ganlab.generator import portable
from ganlab.generator.export import export_generator
from ganlab.generator.load import load
from ganlab.generator.portable import CONFIG, WEIGHTS
from ganlab.tracking.checkpoints import write_checkpoint
from tests.conftest import ROOT, TINY
from tests.test_conf import CHOICES, ROWS, WITH, composed

FAST = (*TINY, "tracking=none", "metrics=paper")
SETTINGS = {
    "windows": ("arrangement=limb_derived", "standardization=quantile_range", "trick=ema"),
    "classes": ("gan=acgan", "arrangement=frequency", "standardization=equalized"),
    "signal": (
        "experiment=laptop",
        "architecture=signal",
        "architecture.width=0.1",
        "stopping.steps=2",
        "batch_size=8",
    ),
    "heart": (
        *("experiment=laptop", "architecture=heart", "architecture.generator.fit_steps=3", "architecture.width=0.1"),
        *("gan=projection", "stopping.steps=2", "batch_size=8"),
    ),
    "rows": (*ROWS[:-1], "dataset.rows=200", "trainer.limit_train_batches=2"),
}


def overrides_of(name: str) -> list[str]:
    given = SETTINGS[name]
    taken = {override.partition("=")[0] for override in given}
    other = any(override.startswith("dataset=") for override in given) or name in {"signal", "heart"}
    tiny = [o for o in FAST if o.partition("=")[0] not in taken and not (other and o.startswith("architecture="))]
    if any(override.startswith("dataset=") for override in given):
        tiny = [o for o in tiny if not o.startswith("dataset.")]
    return [*tiny, *given]


@pytest.fixture(scope="module", params=[*SETTINGS])
def any_run(request: pytest.FixtureRequest, made_run: Callable[..., Path]) -> Path:
    return made_run(*overrides_of(request.param))


@pytest.fixture(scope="module")
def run(made_run: Callable[..., Path]) -> Path:
    return made_run(*overrides_of("windows"))


@pytest.fixture(scope="module")
def whole(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_generator(str(run), str(tmp_path_factory.mktemp("export") / "generator"))


@pytest.fixture
def shared(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "generator"))


def test_it_samples_what_its_run_samples(any_run: Path, tmp_path: Path) -> None:
    folder = export_generator(str(any_run), str(tmp_path / "out"))
    assert {path.name for path in folder.iterdir()} == {CONFIG, WEIGHTS, "README.md"}
    ours, theirs = load(folder), load(any_run)
    assert ours.kind == theirs.kind
    assert ours.gan.classes == theirs.gan.classes
    for label in (None, *theirs.gan.classes[:1]):
        assert torch.equal(
            ours.gan.sample(5, 3, label=ours.label_of(label)), theirs.gan.sample(5, 3, label=theirs.label_of(label))
        )
    assert leaks(folder, any_run) == []


def test_the_commands_export_and_sample(command: Callable[..., Path], run: Path) -> None:
    folder = command("export_generator", f"run={run}", "out=generator")
    command("sample", "run=generator", "n=2", "format=wfdb", "out=made")
    text = (folder / "made" / "synthetic00001.hea").read_text()
    digest = hashlib.sha256((folder / "generator" / WEIGHTS).read_bytes()).hexdigest()
    for word in ("not for clinical use", f"generator {digest[:12]}", "ptbdb_sim", "checkpoint step_"):
        assert word in text
    assert run.name not in text


def test_the_card_says_what_it_is(whole: Path) -> None:
    card = (whole / "README.md").read_text()
    for word in (
        "synthetic",
        "Not for clinical use",
        "not measured",
        "ptbdb_sim",
        "codec.standardization.bounds",
        "28 windows of 7",
    ):
        assert word in card
    assert "anonymous" not in card


@pytest.mark.parametrize("choice", [c for c in CHOICES if c.parts[0] == "architecture"], ids=str)
def test_the_size_of_every_generator_is_known_before_it_is_made(choice: Path) -> None:
    beside = [o for o in WITH.get(str(choice), ()) if not o.startswith("architecture=")]
    cfg = composed(f"architecture={choice.name}", *beside, "architecture.width=0.1")
    networks = compose(cfg).networks
    with torch.device("meta"):
        sketch = build(cfg.architecture.generator)(networks.arrangement, noise=cfg.architecture.noise)
    made = networks.gan.generator.state_dict()
    assert {k: v.shape for k, v in sketch.state_dict().items()} == {k: v.shape for k, v in made.items()}


# Nothing of the training data


CHUNK = 8
"""Consecutive values that would tell a training sample."""


def chunks(values: np.ndarray, length: int = CHUNK) -> Iterator[bytes]:
    """The bytes of all runs of so many values that begin at a multiple of it and are not almost constant."""
    rows = values.reshape(-1)[: values.size // length * length].reshape(-1, length)
    for row in rows:
        if len(np.unique(row)) > length // 2:
            yield row.tobytes()


@cache
def fingerprints(run: Path) -> dict[str, set[bytes]]:
    """By form: what training samples look like in their unit, as pixels, as levels, and as they were digitized."""
    data, codec = composed_data(run)
    samples = data.train.spread(10_000).sample
    pixels = codec.picture(samples).numpy()
    values = samples.numpy()
    forms = {
        "float32 in their unit": values.astype("<f4"),
        "float64 in their unit": values.astype("<f8"),
        "float32 pixels": pixels.astype("<f4"),
        "float16 pixels": pixels.astype("<f2"),
        "levels": np.rint((pixels + 1) * 127.5).astype("u1"),
    }
    recordings = getattr(data.source, "_recordings", None)
    if recordings is not None:
        forms["int16 as digitized"] = np.asarray(recordings.signal)
    return {name: set(chunks(array, 16 if name == "levels" else CHUNK)) for name, array in forms.items()}


def secrets(data: Data, run: Path) -> list[bytes]:
    """Names of records and patients, and paths, where they are long enough to be told from chance."""
    members = data.collected.members
    names = {member.name for member in members} | {member.patient for member in members}
    paths = {str(run), str(run.parent), str(Path.home()), run.name, str(data.source.__dict__.get("cache", run))}
    return [text.encode() for text in names | paths if len(text) > 6 and not text.isdigit()]


@cache
def composed_data(run: Path) -> tuple[Data, torch.nn.Module]:
    from omegaconf import OmegaConf

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(run.parents[2])
        experiment = compose(OmegaConf.load(run / "config.yaml"))
        experiment.data.prepare_data()
        experiment.data.setup()
    return experiment.data, load(run).gan.codec


def numbers_in(value: object) -> Iterator[list]:
    """Every list of whole numbers in a JSON value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers_in(inner)
    elif isinstance(value, list):
        if value and all(isinstance(one, int) for one in value):
            yield value
        for inner in value:
            yield from numbers_in(inner)


def leaks(folder: Path, run: Path) -> list[str]:
    """What of the training data the exported files hold."""
    data, codec = composed_data(run)
    marks, names = fingerprints(run), secrets(data, run)
    assert all(len(found) > 20 for name, found in marks.items() if name != "levels"), "there is something to find"
    found = []
    for file in folder.rglob("*"):
        blob = file.read_bytes()
        found += [f"{file.name}: {name.decode()}" for name in names if name in blob]
        for form, bodies in marks.items():
            length = len(next(iter(bodies), b""))
            if length and any(blob[at : at + length] in bodies for at in range(len(blob) - length + 1)):
                found.append(f"{file.name}: {form}")
    config = json.loads((folder / CONFIG).read_text())
    assert isinstance(config, dict)
    most = max(8, len(config["sample"].get("columns", ())))
    found += [f"{CONFIG}: a list of {len(numbers)} numbers" for numbers in numbers_in(config) if len(numbers) > most]
    wanted = {f"generator.{key}" for key in load(run).gan.sampling_generator.state_dict()}
    wanted |= {f"codec.{key}" for key in codec.state_dict() if not key.endswith((".part", ".whole"))}
    return found + [f"{WEIGHTS}: {name}" for name in load_file(folder / WEIGHTS).keys() - wanted]


def test_nothing_of_the_training_data_is_in_the_files(whole: Path, run: Path) -> None:
    assert leaks(whole, run) == []


def _add_tensor(folder: Path, name: str, tensor: torch.Tensor) -> None:
    save_file(load_file(folder / WEIGHTS) | {name: tensor.contiguous()}, folder / WEIGHTS)


def _put_in_weight(folder: Path, values: torch.Tensor) -> None:
    tensors = load_file(folder / WEIGHTS)
    largest = max((t for t in tensors.values() if t.dtype == torch.float32), key=torch.numel)
    largest.view(-1)[5 : 5 + values.numel()] = values
    save_file(tensors, folder / WEIGHTS)


def _note(folder: Path, key: str, value: object) -> None:
    config = json.loads((folder / CONFIG).read_text())
    config["about"][key] = value
    (folder / CONFIG).write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("put_in", "said"),
    [
        (lambda f, d, r: _add_tensor(f, "window", d.train[3].sample), "float32 in their unit"),
        (lambda f, d, r: _add_tensor(f, "window", d.train[3].sample[..., 100:120]), "float32 in their unit"),
        (lambda f, d, r: _put_in_weight(f, d.train[3].sample[0, 0, 500:520]), "float32 in their unit"),
        (
            lambda f, d, r: (f / "more.bin").write_bytes(b"x" + d.source._recordings.signal[1000:1020].tobytes()),
            "int16",
        ),
        (lambda f, d, r: _note(f, "name", d.collected.members[0].name), "patient"),
        (lambda f, d, r: _note(f, "name", f"of {r.parent}"), "runs"),
        (lambda f, d, r: _note(f, "indices", list(range(12))), "12 numbers"),
        (lambda f, d, r: _add_tensor(f, "generator.index", torch.arange(5)), "generator.index"),
    ],
)
def test_what_would_leak_is_found(
    shared: Path, run: Path, put_in: Callable[[Path, Data, Path], object], said: str
) -> None:
    data, _ = composed_data(run)
    data.collected  # noqa: B018
    put_in(shared, data, run)
    found = leaks(shared, run)
    assert found
    assert any(said in leak for leak in found), found


# Without trust


CENTRED = "ganlab.standardization.centred_range.CentredRange"


def changed(folder: Path, path: str, value: object) -> None:
    """Put a value at a dotted path of the JSON."""
    config = json.loads((folder / CONFIG).read_text())
    *parents, last = path.split(".")
    inner = config
    for key in parents:
        inner = inner[key]
    inner[last] = value
    (folder / CONFIG).write_text(json.dumps(config))


def rehashed(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Other weights with a hash that fits: what an attacker can do."""
    save_file(tensors, folder / WEIGHTS)
    changed(folder, "sha256", hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest())


@pytest.mark.parametrize("slot", ["arrangement", "standardization", "generator"])
@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.exec",
        "subprocess.run",
        "shutil.rmtree",
        "torch.load",
        "pathlib.Path",
        "ganlab.dataset.cache.shutil.rmtree",
        "ganlab.arrangement.order.torch.load",
        "ganlab.arrangement.order._curve",
        "ganlab.command.run.main",
        "ganlab.generator.load.load",
        "ganlab.arrangement..order.z",
        "ganlab.arrangement.order",
        "ganlab.architecture.base.UserError",
    ],
)
def test_a_class_that_is_not_on_the_list_is_refused(shared: Path, tmp_path: Path, slot: str, target: str) -> None:
    canary = tmp_path / "canary"
    changed(shared, slot, {"_target_": target, "command": f"touch {canary}"})
    with pytest.raises(UserError, match=r"refused|is no "):
        load(shared)
    assert not canary.exists()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("arrangement.order", {"_target_": "os.system", "command": "touch CANARY"}, "'os.system' is refused"),
        ("arrangement.leads", [{"_target_": "os.system", "command": "touch CANARY"}], "'os.system' is refused"),
        ("generator.width", {"a": [{"_target_": "os.system", "command": "touch CANARY"}]}, "'os.system' is refused"),
        ("arrangement.order", {"_target_": "os.mkdir", "path": "CANARY"}, "'os.mkdir' is refused"),
        ("arrangement.order", {"_target_": "ganlab.arrangement.order._curve"}, "_curve' is refused"),
        ("arrangement.order", {"_target_": "ganlab.arrangement.leads.UserError"}, "UserError' is refused"),
        ("arrangement", {"_target_": "ganlab.arrangement.order.z", "side": 45}, r"order\.z is no Arrangement"),
        ("gan", "os.system", "'os.system' is refused"),
        ("gan", "ganlab.gan.outputs.Verdict", "Verdict' is refused"),
        ("arrangement._args_", ["touch CANARY"], "_args_"),
        ("arrangement.leads", ["${oc.env:HOME}"], r"\$\{"),
        ("arrangement.side", 1_000_000, "4096"),
        ("arrangement.side", 44, "44x44"),
        ("generator.width", 1e6, "describes networks of"),
        ("generator.width", 1e300, "cannot be built|describes networks of"),
        ("generator.width", 0.125, "bytes|other tensors"),
        ("noise", 10**9, "noise: 1000000000 is refused"),
        ("noise", 4096, "other tensors|describes networks of"),
        ("noise", -1, "noise: -1 is refused"),
        ("sample.samples", 10, "generates"),
        ("sample.samples", 10**400, "sample.window.samples: .* is refused"),
        ("sample.leads", ["i"], "it generates leads i, ii, iii"),
        ("sample.leads", ["ii", "i", "iii", "avr", "avl", "avf"], "it generates leads i, ii, iii"),
        ("arrangement.leads", [1, 2], r"leads\b.*\b1"),
        ("standardization.levels", -1, r"generator\.json: standardization\.levels=-1"),
        ("sample.leads", [1, 2, 3, 4, 5, 6], "leads.0: 1 is refused: input should be a valid string"),
        ("sample.leads", ["=cmd|' /C calc'!A0", *"bcdef"], "a spreadsheet would execute it as a formula"),
        ("sample.leads", ["i", "I", *"cdef"], "'i' occurs twice"),
        ("sample.noun", "module", "sample: .* is refused"),
        ("sample.rate", 0, "rate: 0 is refused: input should be greater than or equal to 0.001"),
        ("sample.rate", -5, "rate: -5 is refused"),
        ("sample.rate", 1e300, "rate: 1e.300 is refused"),
        ("sample.rate", 10**400, "rate: 1.* is refused"),
        ("sample.rate", "1000", "rate: '1000' is refused"),
        ("classes", ["a", "a"], "'a' occurs twice"),
        ("classes", ["@SUM(1)"], "as a formula"),
        ("about.seed", 2**70, "seed: .* is refused"),
        ("about.data.parts.train.samples", -1, "samples: -1 is refused"),
        ("standardization", {"_target_": CENTRED, "reach_mv": 1e308}, r"reach_mv=1e\+308: accepted"),
        ("standardization", {"_target_": CENTRED, "reach_mv": -1.0}, r"reach_mv=-1.0: accepted"),
        ("about.name", "a\nb: c", "refused"),
        ("about.choices", {}, "dataset"),
        ("about.steps", "many", "refused"),
        ("format", 2, "format 2"),
        ("more", 1, "more"),
        ("arrangement.unknown", 1, "has no such argument"),
        ("sha256", "0" * 64, "SHA-256"),
    ],
)
def test_a_json_that_was_tampered_with_is_refused(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, value: object, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    changed(shared, path, value)
    with pytest.raises(UserError, match=said):
        load(shared)
    assert not (tmp_path / "CANARY").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", '{"a": NaN}', "[" * 100_000, '{"format": 1}', "\x00", " " * (2 << 20)], ids=repr
)
def test_a_file_that_is_no_config_is_refused(shared: Path, text: str) -> None:
    (shared / CONFIG).write_text(text)
    with pytest.raises(UserError, match=r"generator\.json"):
        load(shared)


def test_a_generator_of_other_code_that_does_not_fit_says_of_which(shared: Path) -> None:
    changed(shared, "about.git_commit", "0a1b2c3")
    assert load(shared)
    changed(shared, "generator.width", 0.125)
    with pytest.raises(UserError, match=r"It is from ganlab [\d.]+, code 0a1b2c3; this is [\d.]+, code "):
        load(shared)


def test_a_config_that_is_too_long_is_not_read(shared: Path) -> None:
    file = shared / CONFIG
    file.write_text(f"{file.read_text():<{2 << 20}}")
    with pytest.raises(UserError, match=r"2,097,152 bytes; accepted are 1,048,576"):
        load(shared)


def test_damaged_weights_are_refused(shared: Path) -> None:
    whole = (shared / WEIGHTS).read_bytes()
    for damaged in (whole[:-1], whole[:100], b"", whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]):
        (shared / WEIGHTS).write_bytes(damaged)
        with pytest.raises(UserError, match="SHA-256"):
            load(shared)
        changed(shared, "sha256", hashlib.sha256(damaged).hexdigest())
        if damaged[8:100] != whole[8:100] or len(damaged) != len(whole):
            with pytest.raises(UserError, match=r"not a safetensors|bytes"):
                load(shared)
    (shared / WEIGHTS).unlink()
    with pytest.raises(UserError, match=r"No such file.*generator\.safetensors"):
        load(shared)


def test_a_pickle_in_the_place_of_the_weights_does_not_run(shared: Path, tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "canary",))

    torch.save({"state_dict": Canary()}, shared / WEIGHTS)
    changed(shared, "sha256", hashlib.sha256((shared / WEIGHTS).read_bytes()).hexdigest())
    with pytest.raises(UserError, match=r"not a safetensors|bytes"):
        load(shared)
    assert not (tmp_path / "canary").exists()


def test_other_tensors_are_refused(shared: Path) -> None:
    good = load_file(shared / WEIGHTS)
    name = next(key for key, tensor in good.items() if tensor.ndim > 1 and tensor.is_floating_point())
    for tensors, said in (
        ({**good, "more": torch.zeros(1)}, "more"),
        ({key: value for key, value in good.items() if key != name}, "missing"),
        ({**good, name: good[name][:-1].contiguous()}, "in these networks"),
        ({**good, name: good[name].double()}, "float64"),
        ({**good, name: torch.full_like(good[name], torch.nan)}, "NaN"),
        ({**good, name: torch.full_like(good[name], torch.inf)}, "infinity"),
    ):
        rehashed(shared, tensors)
        with pytest.raises(UserError, match=said):
            load(shared)
    rehashed(shared, good)
    load(shared)


def test_weights_that_overflow_are_refused(shared: Path) -> None:
    good = load_file(shared / WEIGHTS)
    rehashed(shared, {key: value * 0 + 1e38 if value.is_floating_point() else value for key, value in good.items()})
    with pytest.raises(UserError, match=r"of 8 generated windows hold NaN or infinity"):
        load(shared)


def test_weights_larger_than_what_is_described_are_not_read(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _add_tensor(shared, "more", torch.zeros(1 << 19))
    changed(shared, "sha256", hashlib.sha256((shared / WEIGHTS).read_bytes()).hexdigest())
    monkeypatch.setattr(portable, "read_tensors", lambda data: pytest.fail("was read"))
    with pytest.raises(UserError, match=r"bytes, and generator.json describes tensors of"):
        load(shared)


def test_wrong_requests_are_told(whole: Path, run: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ({"run": None}, "run=<folder>"),
        ({"run": str(whole)}, "already"),
        ({"run": str(tmp_path)}, "config.yaml"),
        ({"out": str(run)}, "not empty"),
    ):
        with pytest.raises(UserError, match=said):
            export_generator(**({"run": str(run), "out": str(tmp_path / "x")} | arguments))
    with pytest.raises(UserError, match="holds step_"):
        write_samples(str(whole), 1, "npy", str(tmp_path / "x"), checkpoint="best")
    assert not (tmp_path / "x").exists()


def test_a_generator_that_comes_with_ganlab_is_sampled_by_its_name(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganlab.generator.load.WEIGHTS", shared.parent)
    monkeypatch.chdir(tmp_path)
    folder = write_samples(None, 2, "npy", None, generator="generator")
    assert folder == Path("outputs/samples/generator/npy_2_seed0")
    assert len(np.load(folder / "synthetic.npy")) == 2
    with pytest.raises(UserError, match=r"generator=other: generator come with ganlab; run=<folder> takes others"):
        write_samples(None, 2, "npy", None, generator="other")
    with pytest.raises(UserError, match=r"run=x generator=generator: give only one of the two"):
        write_samples("x", 2, "npy", None, generator="generator")


def test_weights_that_are_not_finite_are_not_exported(run: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(run, tmp_path / "broken"))
    file = max((broken / "checkpoints").glob("*.ckpt"))
    stored = torch.load(file, weights_only=True)
    name = next(key for key in stored["state_dict"] if key.startswith("tricks.ema"))
    stored["state_dict"][name].fill_(torch.nan)
    write_checkpoint(stored, file)
    with pytest.raises(UserError, match="holds NaN or infinity, so nothing can be generated"):
        export_generator(str(broken), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_networks_of_others_are_not_exported(run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(
        text.replace("ganlab.arrangement.order.z", "tests.generator.test_portable.their_order")
    )
    facts = json.loads((other / "run.json").read_text())
    facts["files"] = {}  # no hash of the configuration, as in runs of earlier versions
    (other / "run.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match=r"their_order.*refused"):
        export_generator(str(other), str(tmp_path / "out"))


def their_order(side: int) -> torch.Tensor:
    return torch.arange(side * side)


def test_every_class_of_the_rooms_is_on_the_list() -> None:
    from ganlab.generator.portable import own_class

    for room in ("arrangement", "standardization", "architecture"):
        for file in (ROOT / "conf" / room).glob("*.yaml"):
            for line in file.read_text().splitlines():
                target = line.partition("_target_: ")[2].split(",")[0].rstrip("} ")
                if target and ".order." not in target:
                    assert issubclass(own_class(target, room, torch.nn.Module), torch.nn.Module)
