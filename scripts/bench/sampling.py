"""Windows in mV a second, compared with the generator's forward pass alone and with another system."""

import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from statistics import median

import torch
from measure import NotRun, Row, in_turns
from processes import output, outputs

from ganlab.gan.gan import GAN

WINDOWS = 10_000
WINDOWS_CNN = 2_000
"""The documents' generator costs 0.5 GFLOP a window."""
BATCH = 256
DEEPFAKE = "deepfake-ecg==1.1.2"
RECORDINGS = 20
HEART = ("experiment=ptbxl", "dataset.rate=500", "architecture.decimation=4")
"""Recordings like theirs: 10 s at 500 Hz, eight leads that are generated, from which four follow."""


def laptop(turns: int) -> Row:
    """The laptop preset's generator."""
    return _against_forward("experiment=laptop", WINDOWS, turns)


def cnn(turns: int) -> Row:
    """The documents' generator."""
    return _against_forward("architecture=cnn", WINDOWS_CNN, turns)


def _against_forward(choice: str, count: int, turns: int) -> Row:
    gan = _composed(choice)
    pairs = in_turns(lambda: _sampled(gan, count), lambda: _forward(gan, count), min(turns, 3))
    return Row(
        f"sampling {count:,} windows to mV, {choice}: windows/s",
        "the generator's forward pass on the same noise",
        [theirs / ours for ours, theirs in pairs],
        least=0.9,
        note=f"{count / median(a for a, _ in pairs):.0f} windows/s against {count / median(b for _, b in pairs):.0f}",
    )


def deepfake(turns: int) -> Row:
    """Compare recordings of the generator with a heart with deepfake-ecg's own generate(), which writes a file each."""
    gan = _composed(*HEART)
    script = "; ".join(
        (
            "import sys, time, tempfile",
            f"sys.path.insert(0, {str(_deepfake())!r})",
            "from deepfakeecg import generate",
            "folder = tempfile.mkdtemp()",
            "generate(1, folder)",
            "began = time.perf_counter()",
            f"generate({RECORDINGS}, folder)",
            "print(time.perf_counter() - began)",
        )
    )

    def ours() -> float:
        began = time.perf_counter()
        gan.sample(5 * RECORDINGS, batch_size=RECORDINGS)
        return 5 * RECORDINGS / (time.perf_counter() - began)

    def theirs() -> float:
        return RECORDINGS / float(output("-c", script).splitlines()[-1])

    pairs = in_turns(ours, theirs, min(turns, 3))
    return Row(
        "sampling, experiment=ptbxl at 500 Hz: recordings of 10 s of 12 leads, a second",
        f"{DEEPFAKE}, its generate(): recordings of 10 s of 8 leads at 500 Hz",
        [a / b for a, b in pairs],
        least=3.0,
        note=f"{median(a for a, _ in pairs):.0f} recordings/s against {median(b for _, b in pairs):.0f}",
    )


ROWS = (laptop, cnn, deepfake)


@cache
def _composed(*choices: str) -> GAN:
    """An untrained generator costs what a trained one does."""
    from hydra import compose, initialize_config_dir

    from ganlab.compose import compose_networks
    from ganlab.core.settings import CONF

    with initialize_config_dir(CONF, version_base="1.3"):
        return compose_networks(compose("config", overrides=[*choices])).gan.eval()


def _sampled(gan: GAN, count: int) -> float:
    began = time.perf_counter()
    gan.sample(count, batch_size=BATCH)
    return time.perf_counter() - began


@torch.inference_mode()
def _forward(gan: GAN, count: int) -> float:
    network = gan.sampling_generator.eval()
    noise = gan.draw_noise(count, torch.Generator().manual_seed(0)).split(BATCH)
    began = time.perf_counter()
    for part in noise:
        network(part)
    return time.perf_counter() - began


@cache
def _deepfake() -> Path:
    """The other system, installed without what it needs, which is here, into a folder of this benchmark's own."""
    folder = outputs() / "deepfake"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), DEEPFAKE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotRun(f"pip cannot install {DEEPFAKE}: {' '.join(done.stderr.split())[-200:]}")
    return folder
