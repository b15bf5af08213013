"""Times the first steps of a run, and ends it after them: `python probe.py STEPS BEGAN overrides...`.

BEGAN is the monotonic clock's time at which the command was given. Prints, as JSON, the seconds from there to the
beginning and to the end of the first step, the mean seconds of the later ones, and the largest anonymous memory in MB.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from memory import Watch

import ganlab.command.entry
import ganlab.run

BETWEEN = 2
"""First steps that are not in the mean: kernels are chosen, memory is taken."""


def main() -> None:
    """Run the command with `GAN.step` timed."""
    count, began = int(sys.argv[1]), float(sys.argv[2])
    sys.argv = ["ganlab.run", *sys.argv[3:]]
    run = ganlab.command.entry.exit_on_user_error

    def watched(task: Callable[[], Any]) -> Any:
        from ganlab.gan.gan import GAN

        GAN.step = _timed(GAN.step, count, began)  # type: ignore[method-assign]
        return run(task)

    ganlab.command.entry.exit_on_user_error = watched
    ganlab.run.main()


def _timed(step: Callable[..., Any], count: int, began: float) -> Callable[..., Any]:
    times: list[tuple[float, float]] = []
    watch = Watch()
    watch.start()

    def timed(*arguments: Any, **settings: Any) -> Any:
        start = time.monotonic()
        result = step(*arguments, **settings)
        times.append((start, time.monotonic()))
        if len(times) == count:
            first, later = times[0], times[BETWEEN:]
            said = {"begins": first[0] - began, "ends": first[1] - began, "memory_mb": watch.stop()}
            if later:
                # From step to step: with what the loop does between them.
                said["step"] = (later[-1][1] - times[BETWEEN - 1][1]) / len(later)
            print(json.dumps(said), flush=True)
            os._exit(0)
        return result

    return timed


if __name__ == "__main__":
    main()
