"""Every file of every group composes, builds its objects, and says what its values are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

import ganlab.core.settings
from ganlab.command.run import prepare
from ganlab.compose import compose, plain_values
from ganlab.core.errors import UserError
from ganlab.core.instantiate import build
from ganlab.evaluation.evidence import check_measures
from tests.conftest import COMMANDS, ROOT

CONF = ROOT / "conf"
OBVIOUS = {"leads", "cache", "accelerator", "precision", "batch_size", "mlflow", "tensorboard", "url"}
"""Keys that say themselves what they are."""
FILES = sorted(path.relative_to(CONF).with_suffix("") for path in CONF.glob("*/**/*.yaml"))
CHOICES = [file for file in FILES if file.parts[0] != "hydra"]
DOCUMENTED = [file for file in CHOICES if file.parts[:2] in (("experiment", "thesis"), ("experiment", "paper"))]


def composed(*overrides: str) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(ganlab.core.settings.CONF, version_base="1.3"):
        return hydra_compose("config", overrides=list(overrides))


ROWS = (
    *("dataset=thyroid_sim", "standardization=min_max", "arrangement=thyroid"),
    *("architecture=fcn_thyroid", "metrics=table"),
)
IMAGES = (
    *("dataset=iris_sim", "standardization=as_it_is", "arrangement=image"),
    *("architecture=fcn_image", "metrics=image"),
)
WITH = {
    **dict.fromkeys(("dataset/thyroid", "dataset/thyroid_sim", "standardization/min_max", "metrics/table"), ROWS),
    **dict.fromkeys(("metrics/table_privacy", "metrics/table_full"), ROWS),
    **dict.fromkeys(("architecture/fcn_thyroid", "architecture/cnn_thyroid"), ROWS),
    **{f"arrangement/{name}": ROWS for name in ("table", "thyroid", "thyroid_split", "thyroid_rows")},
    **{f"dataset/{name}": IMAGES for name in ("fingerprint", "fingerprint_sim", "iris", "iris_sim")},
    **{f"architecture/{name}": IMAGES for name in ("fcn_image", "cnn_iris", "cnn_iris_notebook")},
    **dict.fromkeys(("standardization/as_it_is", "arrangement/image", "metrics/image"), IMAGES),
    "dataset/table": (*ROWS, "arrangement=table", "dataset.file=a.csv", "+dataset.columns.age={low: 0, high: 9}"),
    "dataset/images": (*IMAGES, "dataset.root=a", "dataset.height=20", "dataset.width=30", "dataset.channels=1"),
    "dataset/wfdb": ("dataset.root=a", "dataset.rate=500"),
    "split/folds": ("dataset=ptbxl",),
    "split/listed": ("split.file=a.csv",),
    **{f"arrangement/{name}": ("architecture=fcn",) for name in ("concat", "stripes", "squares")},
    "trick/r1_r2": ("loss=rpgan", "architecture=fcn"),
    "trick/dp_sgd": ("architecture=fcn",),
    **dict.fromkeys(("trick/gradient_penalty", "trick/spectral_norm", "loss/wgan_gp"), ("architecture.norm=none",)),
}
"""What a choice needs beside it, where the defaults are for windows of recordings."""


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_every_choice_builds_an_experiment(choice: Path, tmp_path: Path) -> None:
    group, name = choice.parts[0], "/".join(choice.parts[1:])
    narrow = () if group == "size" else ("architecture.width=0.1",)
    beside = {override.partition("=")[0]: override for override in WITH.get(str(choice), ())}
    cfg = composed(*(beside | {group: f"{group}={name}"}).values(), f"outputs={tmp_path}", *narrow)
    experiment = compose(cfg)
    measures = {name: build(node) for name, node in cfg.metrics.measures.items()}
    check_measures(measures, cfg.metrics.objective, experiment.data.kind)
    images = experiment.gan.generate(experiment.gan.draw_noise(2))
    assert images.shape == (2, *experiment.networks.arrangement.shape)
    assert plain_values(cfg)


@pytest.mark.parametrize("choice", [c for c in CHOICES if c.parts[0] not in {"experiment", "size"}], ids=str)
def test_every_class_has_its_file_in_the_room_of_its_group(choice: Path) -> None:
    text = (CONF / choice).with_suffix(".yaml").read_text()
    for line in text.splitlines():
        target = line.partition("_target_: ")[2]
        if target.startswith("ganlab."):
            room, *folders, _ = target.split(".")[1:]
            assert (ROOT / "ganlab" / room).joinpath(*folders).with_suffix(".py").is_file()
            assert room == choice.parts[0], target


@pytest.mark.parametrize("choice", FILES, ids=str)
def test_every_file_says_what_it_is(choice: Path) -> None:
    lines = (CONF / choice).with_suffix(".yaml").read_text().splitlines()
    described = [line for line in lines if line.startswith("# ") and not line.startswith("# @package")]
    assert described, "a comment at the top says what is chosen"


def test_a_list_of_tricks_gives_that_many_objects() -> None:
    cfg = composed("trick=[label_smoothing,d_threshold,large_batch]")
    experiment = compose(cfg)
    assert set(experiment.gan.tricks) == {"label_smoothing", "d_threshold"}
    assert experiment.data.batch_size == 64
    assert not compose(composed("trick=none")).gan.tricks


@pytest.mark.parametrize(("arrangement", "batch"), [("z", 30), ("rgb", 60), ("six", 60)])
def test_batch_size_is_the_arrangements_unless_given(arrangement: str, batch: int) -> None:
    assert composed(f"arrangement={arrangement}").batch_size == batch
    assert composed(f"arrangement={arrangement}", "batch_size=7").batch_size == 7


def test_the_defaults_are_the_papers() -> None:
    cfg = composed()
    experiment = compose(cfg)
    assert sum(p.numel() for p in experiment.gan.discriminator.parameters()) == 1_486_848
    assert sum(p.numel() for p in experiment.gan.generator.parameters()) == 3_649_472
    optimizers = experiment.gan.configure_optimizers()
    assert {(o.defaults["lr"], tuple(o.defaults["betas"])) for o in optimizers} == {(2e-4, (0.9, 0.999))}
    assert cfg.trainer.max_epochs == 200
    assert cfg.loss._target_.endswith("BCE")


def test_size_wins_over_the_experiment_and_an_experiment_over_the_defaults() -> None:
    assert composed("experiment=laptop").batch_size == 64
    assert composed("experiment=laptop", "size=reduced").trainer.max_epochs == 40


@pytest.mark.parametrize("choice", DOCUMENTED, ids=str)
def test_a_document_s_experiment_can_be_reduced(choice: Path) -> None:
    """Narrow, few epochs of at most 1,000 samples, and the document's settings otherwise."""
    name = "/".join(choice.parts[1:])
    full, reduced = composed(f"experiment={name}"), composed(f"experiment={name}", "size=reduced")
    assert full.reported
    assert full.split._target_.endswith("PaperSplit")
    assert full.architecture.width == 1.0
    assert reduced.reduced
    assert reduced.architecture.width == reduced.architecture.reduced_width <= 1.0
    assert reduced.trainer.limit_train_batches * reduced.batch_size <= 1000
    assert (reduced.batch_size, list(reduced.trick)) == (full.batch_size, list(full.trick))


D, SMOOTH = "d_threshold", "label_smoothing"


@pytest.mark.parametrize(
    ("name", "choices", "batch", "epochs", "tricks"),
    [
        ("thesis/fingerprint_fcn", "fingerprint as_it_is image fcn_image gan image", 52, 100, []),
        ("thesis/iris_fcn", "iris as_it_is image fcn_image gan image", 20, 100, []),
        ("thesis/iris_cnn", "iris as_it_is image cnn_iris gan image", 20, 200, []),
        ("thesis/iris_cnn_notebook", "iris as_it_is image cnn_iris_notebook gan image", 20, 200, []),
        ("thesis/thyroid_fcn", "thyroid min_max thyroid fcn_thyroid gan table", 20, 100, []),
        ("thesis/thyroid_cnn", "thyroid min_max thyroid cnn_thyroid gan table", 20, 100, []),
        ("thesis/cardio_fcn", "ptbdb fixed_range z fcn gan ecg", 52, 165, []),
        ("thesis/cardio_cnn", "ptbdb fixed_range z cnn gan ecg", 30, 200, [D]),
        ("paper/adapted_range", "ptbdb adapted_range z cnn gan ecg", 30, 200, [D]),
        ("paper/transposed", "ptbdb adapted_range transposed cnn gan ecg", 30, 200, [D]),
        ("paper/reversed", "ptbdb adapted_range reversed cnn gan ecg", 30, 200, [D]),
        ("paper/rgb_collapse", "ptbdb adapted_range rgb cnn gan ecg", 30, 200, [D]),
        ("paper/rgb", "ptbdb adapted_range rgb cnn gan ecg", 60, 200, [D]),
        ("paper/six_channels", "ptbdb adapted_range six cnn gan ecg", 60, 200, [D]),
        ("paper/rgb_label_smoothing", "ptbdb adapted_range rgb cnn gan ecg", 60, 200, [D, SMOOTH]),
        ("paper/acgan_collapse", "ptbdb adapted_range z cnn acgan ecg_classes", 30, 400, [D]),
        ("paper/acgan_imbalanced", "ptbdb adapted_range z cnn acgan ecg_classes", 64, 400, [D, "large_batch", SMOOTH]),
        (
            "paper/acgan",
            "ptbdb adapted_range z cnn acgan ecg_classes",
            64,
            400,
            [D, "large_batch", SMOOTH, "under_sampling"],
        ),
    ],
)
def test_the_eighteen_experiments_have_the_documents_settings(
    name: str, choices: str, batch: int, epochs: int, tricks: list[str]
) -> None:
    cfg = composed(f"experiment={name}", "split=paper")
    groups = ("dataset", "standardization", "arrangement", "architecture", "gan", "metrics")
    given = zip(groups, choices.split(), strict=True)
    same = composed(*(f"{group}={choice}" for group, choice in given), "split=paper")
    for group in groups:
        assert cfg[group] == same[group], group
    assert (cfg.batch_size, cfg.trainer.max_epochs, list(cfg.trick)) == (batch, epochs, tricks)
    assert cfg.loss._target_.endswith("BCE")
    assert cfg.gan.optimizer_g == {**cfg.gan.optimizer_g, "lr": 2e-4, "betas": [0.9, 0.999]}


@pytest.mark.parametrize("choice", DOCUMENTED, ids=str)
def test_the_whole_catalogue_can_run_on_the_stand_ins(
    choice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the very overrides of `make paper`."""
    monkeypatch.setenv("GANLAB_DATA", str(tmp_path))
    monkeypatch.setenv("GANLAB_STAND_INS", "1")
    recipe = re.search(r"^paper:.*?\n(.*?)\n\n", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)
    assert recipe
    words = [word for word in recipe[1].split() if re.fullmatch(r"[a-z_.]+=\S+", word) and "experiment=" not in word]
    assert words == ["size=reduced", "dataset.on_bad_record=skip"]
    experiment = compose(composed(f"experiment={'/'.join(choice.parts[1:])}", f"outputs={tmp_path}", *words))
    assert experiment.data.source.simulated


def test_the_stand_in_is_taken_only_when_asked_for_and_the_data_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANLAB_DATA", str(tmp_path))
    assert composed("experiment=thesis/iris_fcn").dataset._target_ == "ganlab.dataset.images.Images"
    monkeypatch.setenv("GANLAB_STAND_INS", "1")
    assert composed("experiment=thesis/iris_fcn").dataset._target_ == "ganlab.dataset.iris_sim.IrisSim"
    (tmp_path / "iris").mkdir()
    assert composed("experiment=thesis/iris_fcn").dataset._target_ == "ganlab.dataset.images.Images"


def test_every_trainer_flag_is_listed() -> None:
    import inspect

    from pytorch_lightning import Trainer

    given = {"self", "logger", "callbacks", "plugins", "enable_checkpointing", "default_root_dir"}
    flags = set(inspect.signature(Trainer.__init__).parameters) - given
    listed = set(yaml.safe_load((CONF / "trainer" / "auto.yaml").read_text()))
    assert flags == listed - {"_target_", "_partial_", "_convert_"}


@pytest.mark.parametrize(("available", "has_bf16"), [(True, True), (True, False), (False, True)])
def test_a_gpu_computes_in_bf16_where_it_has_that(
    available: bool, has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16 or including_emulation)
    expected = "bf16-mixed" if available and has_bf16 else "32-true"
    assert plain_values(composed("trainer=gpu"))["trainer"]["precision"] == expected
    assert composed("trainer=gpu", "trainer.precision=16-mixed").trainer.precision == "16-mixed"
    assert composed("trainer=auto").trainer.precision == composed("trainer=cpu").trainer.precision == "32-true"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["trick=r1_r2"], "batch norm"),
        (["trick=[label_smoothing]", "loss=rpgan"], "no targets to smooth"),
        (["trick=[d_threshold]", "loss=rpgan"], "threshold"),
        (["trick=[label_smoothing,r1_r2]", "architecture=fcn"], "trick=label_smoothing"),
        (["batch_size=0"], "batch_size=0"),
        (["batch_size=0", "size=reduced"], "batch_size=0: accepted is a whole number from 1"),
        (["loss=wgan_gp"], "trick=gradient_penalty cannot go with a discriminator with batch norm"),
        (["architecture.norm=group"], "architecture.norm=group: accepted are batch, as in the documents, and none"),
        (["trick=label_smoothing", "loss=hinge"], "cannot go with loss=hinge"),
        (
            ["architecture=cnn_small", "arrangement.side=7"],
            "architecture=cnn_small accepts images of 8x8 pixels or more",
        ),
        (["trick=diffaugment", *IMAGES], "trick=diffaugment cannot go with arrangement=image"),
        (["data_on_device=gpu"], "data_on_device=gpu: accepted are auto, true and false"),
        (["data_on_device=true", "num_workers=2"], "num_workers=2 processes"),
        (["standardization.levels=16"], "256"),
        (["arrangement.leads=[i,i]"], "different leads"),
        (["arrangement.side=20"], "45x45"),
        (["standardization=as_it_is"], r"as_it_is takes images, and this data set gives windows"),
        (["standardization=min_max"], "does not go with the other choices"),
        (["trick=under_sampling", *ROWS], "needs data with two or more classes, and thyroid_sim has none"),
        ([*ROWS[:1], *ROWS[2:]], "adapted_range takes windows, and this data set gives rows"),
        (["gan=acgan", *IMAGES], "two or more classes"),
        (["seed=abc"], "seed=abc: accepted is a whole number from 0"),
        (["trainer.max_epochs=two"], "trainer.max_epochs=two: accepted is a whole number or null"),
        (["gan.optimizer_g.lr=fast"], "gan.optimizer_g.lr=fast: accepted is a number"),
        (["trick=ema", "trick.ema.decay=high"], "trick.ema.decay=high: accepted is a number"),
        (["compile=yes"], "compile=yes: accepted is true or false"),
        (
            ["trainer.precision=bf16-true"],
            "precision=bf16-true: accepted are 32-true, bf16-mixed, 16-mixed, 64-true, au",
        ),
        (["trainer.precision=16-true"], "trainer.precision=16-true: accepted are"),
        (["trainer.max_epochs=0"], "trainer.max_epochs=0 trains nothing: accepted is a whole number from 1, or -1"),
        (["trainer.limit_train_batches=0"], "trainer.limit_train_batches=0 trains nothing"),
        (["trainer.max_steps=0"], "stopping=steps"),
        (["stopping=steps", "stopping.steps=0"], "stopping.steps=0: accepted is a whole number from 1"),
        (["grids_every=0"], "grids_every=0: accepted is a whole number from 1"),
        (["metrics.samples=0"], "metrics.samples=0: accepted is a whole number from 1"),
        (["gan.optimizer_g.lr=-1"], "Invalid learning rate: -1"),
        (["architecture.noise=0"], "architecture.noise=0: accepted is a whole number from 1"),
        (["trainer.max_time=12"], "trainer.max_time=12: accepted is DD:HH:MM:SS"),
        (["dataset=ptbdb_sim", "dataset.seconds=0"], "dataset.seconds=0: accepted is a number above 0"),
        (["split.train=0"], "split.train=0.*above 0 for train"),
    ],
)
def test_what_cannot_work_is_refused_before_data_is_read(overrides: list[str], said: str, tmp_path: Path) -> None:
    given = any(override.startswith("dataset=") for override in overrides)
    nowhere = () if given else ("dataset=ptbdb", f"dataset.root={tmp_path / 'nowhere'}")
    with pytest.raises(UserError, match=said):
        compose(composed(*nowhere, *overrides))


def test_a_run_with_nobody_to_compare_with_is_refused_before_it_trains(tmp_path: Path) -> None:
    one = ("dataset.patients=1", "dataset.seconds=9", "architecture.width=0.1", f"outputs={tmp_path}")
    with pytest.raises(
        UserError, match=r"split=patient: only one patient trains, and there is no other to compare with"
    ):
        prepare(compose(composed(*one)), tmp_path)
    prepare(compose(composed(*one, "metrics=paper")), tmp_path)


def test_windows_too_short_to_measure_are_refused_before_data_is_read() -> None:
    cfg = composed("arrangement.side=16", "architecture=fcn")
    measures = {name: build(node) for name, node in cfg.metrics.measures.items()}
    with pytest.raises(UserError, match=r"256 samples at 1000 Hz.*arrangement\.side"):
        check_measures(measures, None, compose(cfg).data.kind)


@pytest.mark.parametrize("module", COMMANDS)
def test_nothing_heavy_is_imported_before_main(module: str) -> None:
    code = (
        f"import sys, ganlab.{module}\n"
        "heavy = {'torch', 'pytorch_lightning', 'mlflow', 'pandas', 'wfdb', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_what_only_the_end_of_a_run_needs_is_not_imported_before_its_first_step() -> None:
    code = (
        "import sys, hydra, ganlab.command.run\n"
        "from ganlab.compose import compose\n"
        "from ganlab.core.settings import CONF\n"
        "with hydra.initialize_config_dir(CONF, version_base='1.3'):\n"
        "    cfg = hydra.compose('config')\n"
        "compose(cfg)\n"
        "heavy = {'sklearn', 'pandas', 'wfdb', 'mlflow', 'tensorboard', 'ganlab.report.run'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("choice", FILES, ids=str)
def test_every_value_says_what_it_is(choice: Path) -> None:
    """A comment on each number, switch or name that a user may set, or a word of its own file's first line."""
    for line in (CONF / choice).with_suffix(".yaml").read_text().splitlines():
        key, _, value = line.partition(": ")
        bare = key.strip().lstrip("- ")
        told = "#" in line or not value or value.startswith(("${", "{}"))
        structural = bare.startswith(("_", "override ", "iii", "avr", "avl", "avf")) or bare in {"defaults", "order"}
        assert told or structural or line.startswith("#") or bare in OBVIOUS, f"{choice}: {line}"
