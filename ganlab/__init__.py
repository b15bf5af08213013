"""GANs on health data turned into images: ECGs in millivolts in, synthetic ECGs in millivolts out.

import ganlab

generator = ganlab.train(experiment="laptop", steps=1000)  # or ganlab.load("outputs/runs/NAME")
samples = generator.sample(100, seed=0)
samples.plot().savefig("ecgs.png")
samples.to_wfdb("synthetic")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganlab.command.library import SyntheticSamples, TrainedGenerator, load, train

__version__ = "0.1.0"
__all__ = ["SyntheticSamples", "TrainedGenerator", "__version__", "load", "train"]


def __getattr__(name: str) -> Any:
    """Return what `__all__` names, imported when it is first used: `import ganlab` stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'ganlab' has no attribute {name!r}; it has {', '.join(__all__)}")
    from ganlab.command import library

    return getattr(library, name)


def __dir__() -> list[str]:
    return __all__
