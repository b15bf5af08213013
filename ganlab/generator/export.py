"""A trained generator written as files to share: weights, plain values and a card, nothing else of the run."""

import hashlib
import json
import logging
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from safetensors.torch import save as tensors_as_bytes

from ganlab import __version__
from ganlab.core.errors import RESULT, UserError
from ganlab.core.files import check_empty, whole_folder
from ganlab.core.schema import validated
from ganlab.exchange.card import NOTICE, write_card
from ganlab.gan.conditional import Conditional
from ganlab.gan.gan import GAN
from ganlab.generator.load import load
from ganlab.generator.portable import CONFIG, WEIGHTS, check_sample, check_tensors, rebuilt, state_of
from ganlab.generator.schema import FORMAT, Exported
from ganlab.generator.stored import stored_config
from ganlab.generator.trained import Trained
from ganlab.report.verdict import VerdictView, of_checkpoint
from ganlab.tracking.facts import choice_name
from ganlab.tracking.search import run_or_best

log = logging.getLogger(__name__)


def export_generator(
    run: str | None,
    out: str | None = None,
    checkpoint: str | None = None,
    trust: str | Collection[str] | None = (),
) -> Path:
    """Write the generator of a run, or of a search's best run, to the folder `out`: all or nothing. Return the folder.

    Raises UserError where the folder holds something or cannot be written, a weight or a sample is not finite, or the
    run's networks are no classes of ganlab's, so that nobody else could load them.
    """
    run = run_or_best(run)
    trained = load(run, checkpoint, trust)
    source = Path(str(run))
    if (source / CONFIG).is_file():
        raise UserError(f"run={run} is already an exported generator: copy the folder.")
    folder = Path(out) if out else source / "exports" / trained.checkpoint
    check_empty(folder)
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state_of(trained.gan).items()}
    check_tensors(tensors, trained.checkpoint)
    check_sample(trained.gan, trained.kind, f"run={run}")
    weights = tensors_as_bytes(tensors, metadata={"format": "pt"})
    config = _config(stored_config(source, trust), trained, hashlib.sha256(weights).hexdigest())
    text = json.dumps(config, indent=1)
    rebuilt(validated(Exported, json.loads(text), f"run={run}").model_dump(), source, len(weights))
    with whole_folder(folder, room=len(weights)) as unfinished:
        (unfinished / WEIGHTS).write_bytes(weights)
        _write_card(unfinished, trained, config, of_checkpoint(source, trained.checkpoint, trained.run))
        (unfinished / CONFIG).write_text(text)
    log.info("%s of %s: %s", config["about"]["name"], run, folder, extra=RESULT)
    return folder


def _config(stored: DictConfig, trained: Trained, sha256: str) -> dict[str, Any]:
    """Return the facts of a run that may be shared, picked one by one so that nothing else comes along."""
    config = OmegaConf.to_container(stored, resolve=True)
    assert isinstance(config, dict)
    facts, train = trained.run, trained.run["data"]["parts"]["train"]
    gan = type(trained.gan)
    return {
        "format": FORMAT,
        "notice": NOTICE,
        "sha256": sha256,
        "sample": {"noun": trained.kind.noun, **asdict(trained.kind)},
        "gan": f"{gan.__module__}.{gan.__qualname__}",
        "noise": trained.gan.noise,
        "classes": list(trained.gan.classes),
        **_conditions(trained.gan),
        "arrangement": config["arrangement"],
        "standardization": config["standardization"],
        "generator": config["architecture"]["generator"],
        "about": {
            "name": f"generator {sha256[:12]}",
            **{key: facts[key] for key in ("started", "git_commit", "seed", "choices")},
            "version": facts.get("version", __version__),
            "steps": trained.steps,
            "checkpoint": trained.checkpoint,
            "data": {
                "note": facts["data"].get("note") or "",
                "parts": {"train": {key: train[key] for key in ("samples", "patients")}},
            },
        },
    }


def _conditions(gan: GAN) -> dict[str, Any]:
    """Return what is to be known of conditions besides the names of classes that exclude one another."""
    if not isinstance(gan, Conditional) or not gan.conditions.fitted:
        return {}
    return {"conditions": {"many_labels": gan.many_labels, "attributes": list(gan.conditions.attributes)}}


def _write_card(folder: Path, trained: Trained, config: dict[str, Any], verdict: VerdictView | None) -> None:
    """Write what the files are, from what they were made, and what is not known about them."""
    about, state = config["about"], state_of(trained.gan)
    write_card(
        folder,
        "generator",
        verdict=verdict,
        noun=trained.kind.noun,
        weights_file=WEIGHTS,
        config_file=CONFIG,
        weights=sum(tensor.numel() for name, tensor in state.items() if name.startswith("generator.")),
        fitted=[f"{name} {tuple(tensor.shape)}" for name, tensor in state.items() if not name.startswith("generator.")],
        classes=config["classes"],
        about=about,
        train=about["data"]["parts"]["train"],
        settings={group: choice_name(choice) for group, choice in about["choices"].items()},
    )
