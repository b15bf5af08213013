"""Makes the site's pages of reference/ when it is built: the choices of conf/, the commands, the numbers.

mkdocs calls `on_files`, since mkdocs.yml names this file under `hooks`. It reads the files of conf/ and ganlab/ as text
and imports nothing of ganlab, so the site is built without torch.
"""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "conf"
NUMBERS = ROOT / "ganlab" / "metrics" / "numbers.yaml"
GENERATED = "<!-- made from conf/ by scripts/site_pages.py -->\n"
PLUGINS = {"hydra/launcher": "How the runs of a sweep are started.", "hydra/sweeper": "How a sweep chooses its runs."}
NO_COMMANDS = ("codec", "compose")
"""Modules beside the commands of ganlab/ that are none."""


def on_files(files: Any, config: Any) -> Any:
    """Return mkdocs' files with the generated pages."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """Return each generated page in Markdown, by its path in the site."""
    made = {f"reference/{group.replace('/', '_')}.md": group_page(group, text) for group, text in groups().items()}
    others = {"settings": settings_page(), "commands": commands_page(), "numbers": numbers_page()}
    return {f"reference/{name}.md": text for name, text in others.items()} | made


def groups() -> dict[str, str]:
    """Return what each group of choices is for, in the order of the defaults list of conf/config.yaml."""
    lines = (CONF / "config.yaml").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    named = (re.fullmatch(r"  - (\w+): \S+ # (.+)", line) for line in lines)
    return {match[1]: f"{match[2][0].upper()}{match[2][1:]}." for match in named if match} | PLUGINS


def names(group: str) -> list[str]:
    """Return the choices of a group."""
    return [
        path.relative_to(CONF / group).with_suffix("").as_posix() for path in sorted((CONF / group).glob("**/*.yaml"))
    ]


def group_page(group: str, purpose: str) -> str:
    """Return the page of a group: a table of its choices, then each with its settings."""
    choices = {name: _titled((CONF / group / f"{name}.yaml").read_text(encoding="utf-8")) for name in names(group)}
    table = [f"| [`{name}`](#{_anchor(name)}) | {_cell(title)} |" for name, (title, _) in choices.items()]
    parts = [f"{GENERATED}# {group}", f"{purpose} Choose with `{group}=NAME`.", "| choice | |\n|---|---|", *table]
    text = "\n\n".join(parts[:2]) + "\n\n" + "\n".join(parts[2:]) + "\n"
    for name, (title, body) in choices.items():
        text += f"\n## {name} {{ #{_anchor(name)} }}\n\n{title}\n" + (f"\n```yaml\n{body}\n```\n" if body else "")
    return text


def settings_page() -> str:
    """Return the page of the settings that belong to no group, with a list of the groups."""
    text = (CONF / "config.yaml").read_text(encoding="utf-8")
    body = text.partition("\n\n")[2].partition("\nhydra:")[0].strip()
    rows = [
        f"| [`{name}`]({name.replace('/', '_')}.md) | {_cell(purpose)} | `{'`, `'.join(names(name))}` |"
        for name, purpose in groups().items()
    ]
    return (
        f"{GENERATED}# Settings\n\nAn experiment is one choice from each group, written `group=choice`. Set any value "
        "by its path, such as `trainer.max_epochs=5`.\n\n| group | what it decides | choices |\n|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\n## Settings of a run that belong to no group\n\n```yaml\n{body}\n```\n"
    )


def commands_page() -> str:
    """Return the page of the commands: what each does, its help and its own settings."""
    text = (
        f"{GENERATED}# Commands\n\nA command is `ganlab NAME` or `python -m ganlab.NAME`; `--help` prints its help.\n"
    )
    for path in sorted((ROOT / "ganlab").glob("[!_]*.py")):
        if path.stem in NO_COMMANDS:
            continue
        first = path.read_text(encoding="utf-8").partition("\n")[0].strip('"')
        file = CONF / ("config.yaml" if path.stem == "run" else f"{path.stem}.yaml")
        raw = file.read_text(encoding="utf-8")
        usage = yaml.safe_load(raw)["hydra"]["help"]["template"]
        usage = re.sub(r"\n *\$\w+ *(?=\n|$)", "", usage).strip()
        body = "" if path.stem == "run" else _settings(raw)
        text += f"\n## {path.stem}\n\n{_sentence(first.partition(': ')[2])}\n\n```text\n{usage}\n```\n"
        text += f"\nIts settings:\n\n```yaml\n{body}\n```\n" if body else ""
    return text


def numbers_page() -> str:
    """Return the page of all numbers of reports: unit, best value, limits, meaning, and which controls each detects."""
    text = (
        f"{GENERATED}# The numbers of a report\n\nA number is group/name, such as `distribution/kid`. `best` "
        "is the value of a perfect generator; numbers without one describe a set by itself. `detects` names the "
        "[controls](../metrics.md) that a number must distinguish from real samples.\n"
    )
    for group, numbers in yaml.safe_load(NUMBERS.read_text(encoding="utf-8")).items():
        text += f"\n## {group}\n\n| name | unit | best | between | detects | meaning |\n|---|---|---|---|---|---|\n"
        for name, of in numbers.items():
            between = " and ".join(f"{end:g}" for end in of.get("limits", ()))
            sees = ", ".join(control.replace("_", " ") for control in of.get("sees", ()))
            cells = (f"`{name}`", of.get("unit", ""), of.get("best", ""), between, sees, of["meaning"])
            text += "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |\n"
    return text


def _settings(raw: str) -> str:
    """Return the settings of a command's file, without its defaults list and Hydra's own settings."""
    return re.sub(r"^(# .*\n|defaults:\n( .*\n)*)", "", raw.partition("\nhydra:")[0] + "\n", flags=re.MULTILINE).strip()


def _titled(text: str) -> tuple[str, str]:
    """Return the sentence at the top of a choice's file, and its settings."""
    lines = text.splitlines()
    place = next(number for number, line in enumerate(lines) if re.match(r"# (?!@)", line))
    body = "\n".join(lines[:place] + lines[place + 1 :]).strip()
    return _sentence(lines[place][2:]), "" if body.splitlines()[-1:] == ["{}"] else body


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(name: str) -> str:
    return name.replace("/", "-")
