"""A trained generator written as files to share: weights, plain values and a card, nothing else of the run."""

import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from safetensors.torch import save as tensors_as_bytes

from ganlab import __version__
from ganlab.core.errors import UserError
from ganlab.exchange.card import CARD, NOTICE
from ganlab.generator.load import load
from ganlab.generator.portable import CONFIG, FORMAT, WEIGHTS, check_finite, rebuilt, state_of
from ganlab.generator.trained import Trained
from ganlab.tracking.facts import said

log = logging.getLogger(__name__)


def export_generator(run: str | None, out: str | None = None, checkpoint: str | None = None) -> Path:
    """Write the generator of a run to the folder `out` and return it.

    Raises UserError where the folder holds something, a weight is not finite, or the run's networks are no classes of
    ganlab's, so that nobody else could load them.
    """
    if run is None:
        raise UserError("Which run? run=<folder>, such as run=outputs/runs/NAME.")
    if (Path(run) / CONFIG).is_file():
        raise UserError(f"run={run} is an exported generator already: copy the folder.")
    trained = load(run, checkpoint)
    folder = Path(out) if out else Path(run) / "exports" / trained.checkpoint
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"out={folder} is not empty; nothing was written. Name a new folder: out=<folder>.")
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state_of(trained.gan).items()}
    check_finite(tensors, trained.checkpoint)
    weights = tensors_as_bytes(tensors, metadata={"format": "pt"})
    config = _config(Path(run), trained, hashlib.sha256(weights).hexdigest())
    rebuilt(config, Path(run), len(weights))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(weights)
    (folder / CARD).write_text(_card(trained, config))
    (folder / CONFIG).write_text(json.dumps(config, indent=1))
    log.info("%s of %s: %s", config["about"]["name"], run, folder)
    return folder


def _config(run: Path, trained: Trained, sha256: str) -> dict[str, Any]:
    """All that a run knows of its generator and may be told: picked one by one, so that nothing comes along."""
    cfg = OmegaConf.to_container(OmegaConf.load(run / "config.yaml"), resolve=True)
    assert isinstance(cfg, dict)
    facts, train = trained.run, trained.run["data"]["parts"]["train"]
    about = {
        "name": f"generator {sha256[:12]}",
        **{key: facts[key] for key in ("started", "git_commit", "seed", "choices")},
        "version": facts.get("version", __version__),
        "steps": trained.steps,
        "checkpoint": trained.checkpoint,
        "data": {
            "note": facts["data"].get("note") or "",
            "parts": {"train": {key: train[key] for key in ("samples", "patients")}},
        },
    }
    gan = type(trained.gan)
    return {
        "format": FORMAT,
        "notice": NOTICE,
        "sha256": sha256,
        "sample": {"noun": trained.kind.noun, **asdict(trained.kind)},
        "gan": f"{gan.__module__}.{gan.__qualname__}",
        "noise": trained.gan.noise,
        "classes": list(trained.gan.classes),
        "arrangement": cfg["arrangement"],
        "standardization": cfg["standardization"],
        "generator": cfg["architecture"]["generator"],
        "about": about,
    }


def _card(trained: Trained, config: dict[str, Any]) -> str:
    """What the files are, from what they were made, and what is not known of them."""
    about, sample = config["about"], config["sample"]
    train = about["data"]["parts"]["train"]
    noun = sample["noun"]
    settings = "\n".join(f"| {group} | {said(choice)} |" for group, choice in about["choices"].items())
    state = state_of(trained.gan)
    weights = sum(tensor.numel() for name, tensor in state.items() if name.startswith("generator."))
    fitted = [f"`{name}` {tuple(tensor.shape)}" for name, tensor in state.items() if name.startswith("codec.")]
    return f"""# A generator of synthetic {noun}s

**What it generates is synthetic. Not for clinical use before expert evaluation.**

## What
`{WEIGHTS}`: {weights:,} weights of the network that samples are drawn from, and the fitted state of the codec:
{", ".join(fitted) or "none"}. `{CONFIG}`: the plain values from which ganlab's classes are built again, and the SHA-256
of the weights. Classes: {", ".join(config["classes"]) or "none"}.

```bash
python -m ganlab.sample run=<this folder> n=1000 out=synthetic
```

Loading runs no code of these files. The SHA-256 shows damage; it does not show who made them.

## From what
Trained on `{about["choices"]["dataset"]}`: {train["samples"]} {noun}s of {train["patients"]} persons,
{"an unknown number of" if trained.steps is None else trained.steps} steps, begun {about["started"]}, checkpoint
`{about["checkpoint"]}`, ganlab {about["version"]}, code {about["git_commit"] or "unknown"}, seed {about["seed"]}.
{about["data"]["note"]}

| group | choice |
|---|---|
{settings}

## What to know
- No training {noun}, record, person, path or list of them is in these files. The weights were made from the training
  {noun}s all the same, and a network can memorize: the risk to the persons is not measured by this export. Whoever
  shares it should measure it first, on what it generates and with the weights at hand.
- Quantiles, limits and scales of the codec are numbers of the training data: an extreme one may be a single person's.

## Not for
Diagnosis, treatment, or the validation of a medical device; claims about the persons whose data trained it.
"""
