"""Configurations that try to do something, as they may lie in a folder that somebody shares.

Each is a place in `config.yaml` and what stands there. What would be done is to make, change or read a file named
CANARY in the working folder; none may.
"""

from typing import Any

from omegaconf import OmegaConf

CANARY = "CANARY"
PICKLE = "canary.pkl"


def node(target: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": target, **arguments}


REPORTED = {
    "pandas pickle": ("loss", node("pandas.read_pickle", filepath_or_buffer=PICKLE)),
    "torch load": ("loss", node("torch.load", f=PICKLE, weights_only=False)),
    "numpy load": ("loss", node("numpy.load", file=PICKLE, allow_pickle=True)),
    "joblib": ("loss", node("joblib.load", filename=PICKLE)),
    "write_text": ("loss", node("pathlib.Path.write_text", self=node("pathlib.Path", _args_=[CANARY]), data="x")),
    "copyfile": ("loss", node("shutil.copyfile", src="config.yaml", dst=CANARY)),
}
"""Those of the issue, which took effect."""

OTHERS = {
    "system": ("loss", node("os.system", command=f"touch {CANARY}")),
    "run": ("dataset", node("subprocess.run", args=["touch", CANARY])),
    "eval": ("standardization", node("builtins.eval", _args_=[f"open('{CANARY}', 'w')"])),
    "open": ("arrangement.order", node("builtins.open", file=CANARY, mode="w")),
    "partial of makedirs": ("arrangement.order", node("os.makedirs", _partial_=True, name=CANARY)),
    "functools.partial": ("loss", node("functools.partial", _args_=[node("os.mkdir", path=CANARY)])),
    "a partial loss": ("loss._partial_", True),
    "a whole network": ("architecture.generator._partial_", False),
    "positional": ("arrangement._args_", [[CANARY]]),
    "positional of a class that is gone": (
        "metrics.measures.old",
        node("ganlab.metrics.physiology.VisualCriteria", _args_=[CANARY]),
    ),
    "not recursive": ("arrangement._recursive_", False),
    "convert": ("arrangement._convert_", "os.system"),
    "memmap": ("dataset.cache", node("numpy.memmap", filename=CANARY, mode="w+", shape=[4])),
    "numpy save": ("loss", node("numpy.save", file=CANARY, arr=[1])),
    "file of a log": ("trick.x", node("logging.FileHandler", filename=CANARY)),
    "sqlite": ("split", node("sqlite3.connect", database=CANARY)),
    "run a path": ("loss", node("runpy.run_path", path_name="canary.py")),
    "library": ("loss", node("ctypes.CDLL", name="./canary.so")),
    "rc file": ("loss", node("matplotlib.rc_file", fname="canary.rc")),
    "hub": ("loss", node("torch.hub.load", repo_or_dir=".", model="canary", source="local")),
    "jit": ("loss", node("torch.jit.load", f=PICKLE)),
    "instantiate in instantiate": ("loss", node("hydra.utils.instantiate", config={"_target_": "os.system"})),
    "resolver": ("loss", node("omegaconf.OmegaConf.register_new_resolver", name="oc.env", resolver="x", replace=True)),
    "logger of the trainer": ("trainer.logger", node("pytorch_lightning.loggers.CSVLogger", save_dir=CANARY)),
    "profiler": ("trainer.profiler", node("pytorch_lightning.profilers.AdvancedProfiler", dirpath=CANARY)),
    "registry": ("trainer.model_registry", "them/theirs"),
    "a trainer in another place": ("loss", node("pytorch_lightning.Trainer", default_root_dir=CANARY)),
    "our own download": (
        "dataset.cache",
        node("ganlab.dataset.download.download", url="http://127.0.0.1:1/", root="."),
    ),
    "our own file": ("arrangement.order", node("ganlab.core.files.write_whole", path=CANARY, text="x")),
    "our own checkpoint": ("loss", node("ganlab.tracking.checkpoints.write_checkpoint", value={}, path=CANARY)),
    "our own folder": ("loss", node("ganlab.core.settings.writable", outputs=CANARY)),
    "our own command": ("loss", node("ganlab.command.sample.write_samples", run=".", n=1, format="npy", out=CANARY)),
    "what a module imports": ("arrangement.order", node("ganlab.arrangement.order.torch.load", f=PICKLE)),
    "a package through a module": ("metrics.measures.x", node("ganlab.metrics.numbers.yaml.unsafe_load", stream="x")),
    "another group's class": ("loss", node("ganlab.dataset.table.Table", file=CANARY, columns={})),
    "builtins of a module": ("stopping", node("ganlab.stopping.__builtins__.open", file=CANARY)),
    "a private function": ("arrangement.order", node("ganlab.arrangement.order._curve", _partial_=True)),
    "no name": ("loss._target_", None),
    "a list of names": ("loss._target_", ["os.system"]),
    "a name with a blank": ("loss._target_", "ganlab.loss.bce.BCE "),
    "another argument": ("loss.file", CANARY),
    "another type": ("arrangement.side", "45; touch CANARY"),
    "a text for a function": ("arrangement.order", "os.system"),
    "outside of all groups": ("diversity.images", node("os.mkdir", path=CANARY)),
    "in a list": ("arrangement.leads", [node("os.mkdir", path=CANARY)]),
    "hydra": ("hydra.callbacks.x", node("os.mkdir", path=CANARY)),
    "defaults": ("defaults", ["/canary"]),
    "environment": ("dataset.cache", "${oc.env:HOME}"),
    "environment in an address": ("reported", "http://127.0.0.1:1/${oc.env:PATH}"),
    "our own resolver": ("outputs", f"${{writable:{CANARY}}}"),
    "a resolver that builds": ("dataset", "${oc.create:{_target_: os.mkdir, path: CANARY}}"),
    "a node": ("seed", "${batch_size}"),
    "nested": ("reported", "${oc.env:${oc.env:HOME}}"),
    "a half interpolation": ("reported", "${oc.env:GANLAB_DATA,${writable:CANARY}}"),
    "a control sign": ("reported", "a\x1b[2Jb"),
    "a long number": ("seed", 10**30),
    "an infinite number": ("seed", float("inf")),
}
"""What else could be thought of, from the code that reads such a folder."""

HOSTILE = REPORTED | OTHERS

EXTRA = {
    "a tag of Python's": "extra: !!python/object/apply:os.mkdir [CANARY]\n",
    "a path": "extra: !!python/object/apply:pathlib.Path [CANARY]\n",
    "aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a set": "extra: !!set {x}\n",
    "bytes": "extra: !!binary aGVsbG8=\n",
    "depth": "extra: " + "[" * 5000 + "]" * 5000 + "\n",
    "many levels": "extra: " + "[" * 40 + "]" * 40 + "\n",
    "a key that is a list": "? [a]\n: b\n",
    "twice": "loss: {}\n",
    "half": "extra: {_target_: ",
    "large": "# " + "x" * (2 << 20),
}
"""What stands below a whole configuration."""

TEXTS = {"nothing": "", "a list": "- loss\n", "zeros": "\0\0\0", "bytes of no text": "\udcff"}
"""What stands in the place of the whole file."""


def with_value(text: str, path: str, value: Any) -> str:
    """A configuration's text with a value at a dotted path."""
    config = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    assert isinstance(config, dict)
    *parents, last = path.split(".")
    inner: Any = config
    for key in parents:
        inner = inner[key] if isinstance(inner.get(key), dict) else inner.setdefault(key, {})
    inner[last] = value
    import yaml

    return yaml.safe_dump(config)
