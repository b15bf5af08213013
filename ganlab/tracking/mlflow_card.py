"""What MLflow shows of a run besides its numbers: name, tags, description, parameters and the data set."""

import getpass
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganlab.core.settings import CONF
from ganlab.tracking.shared import Shared

KIND = "mlflow.experimentKind"
MACHINE_LEARNING = "custom_model_development"
"""MLflow's value of KIND for runs with metrics. The pages of 3.17 follow `?workflowType=machine_learning` first."""
TAGS = {"seed", "version", "git_commit"}
"""Tags of a run that are sent, beside its choices of ganlab's config groups."""
NAMED = ("dataset", "arrangement", "trick")
"""Groups in a run's name; the trick `none` is left out."""
DIGEST = 36
"""Characters that MLflow takes of the hash of a data set."""


def config_groups() -> set[str]:
    """Return the names of ganlab's config groups."""
    return {place.name for place in Path(CONF).iterdir() if place.is_dir()}


def run_name(facts: Mapping[str, Any], folder: Path) -> str:
    """Return data set, arrangement, tricks and seed, and the folder of a job, which names what was swept."""
    tags = facts["tags"]
    words = [str(tags[group]) for group in NAMED if tags.get(group) not in (None, "none")]
    words += [f"seed {tags['seed']}"] if "seed" in tags else []
    return " ".join([*words, *([f"({folder.name})"] if facts["in_sweep"] else [])]) or folder.name


def swept(overrides: Sequence[Any]) -> list[str]:
    """Return the overrides that have several values, `seed=1,2` or `seed=range(3)`; all where none has."""
    texts = [str(each) for each in overrides]
    several = [each for each in texts if re.search("[,(]", re.sub(r"\[.*?\]|\{.*?\}", "", each))]
    return several or texts


def tags_of(facts: Mapping[str, Any], folder: Path, shared: Shared) -> dict[str, str]:
    """Return the tags of a run: its choices, the folder's name, source and user, and a description."""
    accepted = config_groups() | TAGS
    tags = {key: shared.text(text) for key, text in facts["tags"].items() if key in accepted}
    commit = {"mlflow.source.git.commit": tags["git_commit"].partition("-")[0]} if "git_commit" in tags else {}
    return {
        **tags,
        **commit,
        "ganlab.id": facts["id"],
        "hydra.output_dir": folder.name,
        **origin(),
        "mlflow.note.content": shared.text(description(facts, folder)),
    }


def origin() -> dict[str, str]:
    """Return the tags in which MLflow shows the source and the user of a run or of a sweep."""
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or _user()
    return {"mlflow.source.name": "ganlab run", "mlflow.source.type": "LOCAL", "mlflow.user": user}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have no name for its user
        return "unknown"


def description(facts: Mapping[str, Any], folder: Path) -> str:
    """Return a few lines of Markdown on what was trained on what, and where its results are."""
    tags, data = facts["tags"], facts.get("data", {})
    parts = data.get("parts", {})
    counts = ", ".join(f"{name} {part['samples']:,}" for name, part in parts.items())
    noun = data.get("noun") or "sample"
    lines = [
        f"GAN on `{tags.get('dataset', 'data')}`, arrangement `{tags.get('arrangement', '-')}`, architecture "
        f"`{tags.get('architecture', '-')}`, tricks `{tags.get('trick', 'none')}`.",
        f"{noun.capitalize()}s: {counts}." if counts else "",
        f"Run folder `{folder.name}`; the page `report.html` and all settings (`config.yaml`) are among the artifacts.",
        "Numbers under `measured/` are those of the finished generator; the others are curves of the training.",
    ]
    return "\n\n".join(filter(None, lines))


def parameters(facts: Mapping[str, Any], shared: Shared) -> dict[str, str]:
    """Return the run's choices, its seed, and what a person set on the command line; `config.yaml` has the rest."""
    tags, accepted = facts["tags"], config_groups()
    chosen = {key: str(value) for key, value in tags.items() if key in accepted or key == "seed"}
    for key, value in _overrides(facts["overrides"]):
        if key not in accepted:
            chosen[key] = value
    return {key: shared.text(value) for key, value in chosen.items()}


def _overrides(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of overrides such as `+trick.ema.decay=0.9`."""
    for line in lines:
        if match := re.fullmatch(r"[+~]*([^=]+)=(.*)", str(line), re.DOTALL):
            yield match[1].replace(".", "/"), match[2]


def data_set(facts: Mapping[str, Any]) -> Any:
    """Return the training data as MLflow's input of a run: name, hash and counts; no path, no patient.

    None where the run has read no data yet.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = facts.get("data", {})
    if "parts" not in data:
        return None
    name = str(facts["tags"].get("dataset", "data"))
    digest = str(facts.get("provenance", {}).get("data", {}).get("values", "unknown"))[:DIGEST]
    profile = {part: {key: own.get(key, 0) for key in ("samples", "patients")} for part, own in data["parts"].items()}
    own = Dataset(name, digest, "ganlab", json.dumps({"dataset": name}), profile=json.dumps(profile))
    return DatasetInput(own, [InputTag("mlflow.data.context", "training")])
