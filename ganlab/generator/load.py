"""A trained generator from the folder of its run, or from an exported folder."""

import json
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

import ganlab.core.settings  # noqa: F401  (the resolvers of stored configurations)
from ganlab.compose import compose_networks
from ganlab.core.errors import UserError
from ganlab.generator.portable import load_portable
from ganlab.generator.trained import Trained, check_weights, restore, state_in
from ganlab.tracking.checkpoints import checkpoint_in, read_checkpoint


def load(run: str | Path, checkpoint: str | None = None) -> Trained:
    """The generator of a run folder, or of one of `ganlab.export_generator`, from a named checkpoint.

    None is the chosen one where stopping=rule chose, else the last, as `last` is.

    A name in `generators`, such as `epoch_0050`, is accepted too. Raises UserError where the folder is no run, the
    checkpoint is missing, or belongs to other networks.
    """
    folder = Path(run)
    if (folder / "generator.json").is_file():
        return load_portable(folder, checkpoint or "last")
    if not (folder / "config.yaml").is_file():
        raise UserError(f"run={folder}: no config.yaml there, so it is no run folder. Runs lie in outputs/runs.")
    cfg = OmegaConf.load(folder / "config.yaml")
    assert isinstance(cfg, DictConfig)
    networks = compose_networks(cfg)
    gan = networks.gan
    kept = {path.stem: path for path in (folder / "generators").glob("*.pt")}
    if checkpoint in kept:
        path, steps = (alone := kept[checkpoint]), None
        weights = read_checkpoint(alone)
        check_weights(gan.sampling_generator, alone, weights)
        gan.sampling_generator.load_state_dict(weights)
        fitted = state_in(checkpoint_in(folder))["state_dict"]
        codec = {key.removeprefix("codec."): value for key, value in fitted.items() if key.startswith("codec.")}
        check_weights(gan.codec, checkpoint_in(folder), codec)
        gan.codec.load_state_dict(codec)
    else:
        path = checkpoint_in(folder, checkpoint)
        steps = restore(gan, path)
    facts = json.loads((folder / "run.json").read_text())
    return Trained(gan.eval(), networks.kind, facts, path.stem, steps)
