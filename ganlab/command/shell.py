"""The console command `ganlab`: which subcommand is called, its list, the version, and completion by Tab.

Light: a shell starts it at every Tab.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from ganlab import __version__
from ganlab.core.surroundings import in_utf8

HERE = Path(__file__).resolve().parent.parent
MODULES = ("codec", "compose")
"""Modules beside the commands that are none."""
FIRST = ("run", "sample", "evaluate", "explore", "prepare")
"""Commands that a new user needs, in this order; the others follow by their names."""
TAB = "--complete"
"""Argument with which `completion.bash` asks for completions; the line is in COMP_LINE."""
EXIT_CODE = 2
ZSH = "autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n"
SHELLS = {"bash": "", "zsh": ZSH}
"""What stands above `completion.bash` for each shell."""


def commands() -> dict[str, str]:
    """Return what each command does, by its name, from the first line of its file, which is not imported."""
    files = {path.stem: path for path in HERE.glob("[!_]*.py") if path.stem not in MODULES}
    names = [*(name for name in FIRST if name in files), *sorted(files.keys() - {*FIRST})]
    lines = {name: files[name].read_text(encoding="utf-8").partition("\n")[0] for name in names}
    return {name: line.strip('".').partition(": ")[2] for name, line in lines.items()}


def main() -> None:
    """Run the subcommand that the command line names, or print what it asks for.

    Returns nothing: what a run gives to sweepers would become the exit code of the console script.
    """
    in_utf8("ganlab.__main__")
    name, more = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if name == TAB:
        complete(os.environ.get("COMP_LINE", ""))
    elif name in ("--version", "-V"):
        print(f"ganlab {__version__}")
    elif name in ("--help", "-h", "help"):
        print(overview())
    elif name == "completion":
        print(script(more[0] if more else "bash"), end="")
    elif name in commands():
        sys.argv = [f"ganlab.{name}", *more]
        import_module(f"ganlab.{name}").main()
    else:
        from ganlab.core.values import did_you_mean

        _refuse(
            f"ganlab {name}: no such command.{did_you_mean(name, commands())} Accepted are {', '.join(commands())}."
        )


def overview() -> str:
    """Return the page of --help, which fits on a screen of 24 lines."""
    lines = [f"  {name:<17} {text}" for name, text in commands().items()]
    return "\n".join(
        [
            f"ganlab {__version__}: GANs on health data turned into images. ganlab COMMAND group=choice setting=value",
            "",
            *lines,
            "",
            "  ganlab run experiment=laptop                     train on a simulated cohort, measure, report",
            "  ganlab sample run=outputs/runs/NAME n=100        a synthetic data set from it",
            "  ganlab COMMAND --help                            all of its groups, choices and settings",
            '  eval "$(ganlab completion bash)"                 completion by Tab; zsh too',
        ]
    )


def script(shell: str) -> str:
    """Return the script that makes a shell complete `ganlab`."""
    if shell not in SHELLS:
        _refuse(f"ganlab completion {shell}: accepted are {', '.join(SHELLS)}.")
    return SHELLS[shell] + Path(__file__).with_name("completion.bash").read_text(encoding="utf-8")


def complete(line: str) -> None:
    """Print what can follow a command line: names of commands, then groups, choices and settings."""
    _, *words = line.split(" ")
    word = words[-1] if words else ""
    if len(words) < 2:
        print("\n".join(f"{name} " for name in [*commands(), "completion"] if name.startswith(word)))
    elif words[0] in commands():
        print("\n".join(_settings("config" if words[0] == "run" else words[0], words[1:-1], word)))


def _settings(config: str, before: Sequence[str], word: str) -> list[str]:
    """Return the settings, groups and choices that begin with a word, where the overrides `before` it hold."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.core_plugins.bash_completion import BashCompletion
    from hydra._internal.utils import create_config_search_path
    from hydra.core.object_type import ObjectType

    from ganlab.core.hydra_words import choices
    from ganlab.core.settings import CONF

    loader = ConfigLoaderImpl(create_config_search_path(CONF))
    group, sign, choice = word.partition("=")
    if sign and (names := [*choices(loader, group, ObjectType.CONFIG)]):
        # Those in folders too, such as experiment=paper/rgb, which Hydra leaves out.
        return [f"{group}={name}" for name in names if name.startswith(choice)]
    given = " ".join(each for each in before if "=" in each and not each.startswith("-"))
    return [each for each in BashCompletion(loader)._query(config, f"{given} {word}") if "._" not in each]


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(EXIT_CODE)
