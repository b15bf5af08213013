"""Every claim of speed, measured side by side on this machine.

    python scripts/bench [--rows a,b] [--turns N] [--json FILE] [--docs]

Prints one markdown table. A ratio is of two things measured in turns in this one run; its spread is the least and the
greatest of the turns, and the median counts. Exit code 1 where a row fails or does not reach what it has to. Rows are
named as their files or as `file.row`, such as `prepare` and `prepare.memory`; `evaluation` runs only if it is named.
FILE keeps the rows of earlier calls, so that rows can be measured one by one, on one machine and commit; with `--docs`
its rows become the table of docs/speed.md.
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from machine import machine
from measure import NotRun, Row

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs" / "speed.md"
BEGIN, END = "<!-- table of scripts/bench --docs -->", "<!-- end of the table -->"
MODULES = ("steps", "prepare", "sampling", "start", "sweep", "cohort", "evaluation")
TURNS = 5
HEAD = "| what | against | to reach | median | spread | turns | reached | measured |\n|---|---|---|---|---|---|---|---|"

Measured = Callable[[int], Row]


def main() -> int:
    """Measure the rows that are asked for, print each as it is done, and say whether all reached what they have to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", help="names, with commas between them; all but the long ones if not given")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"of each row ({TURNS}); costly rows take fewer")
    parser.add_argument("--json", type=Path, help="a file for all ratios and details, which keeps other rows of it")
    parser.add_argument("--docs", action="store_true", help=f"put the rows of that file into {DOCS.name}")
    asked = parser.parse_args()
    if asked.docs and not asked.json:
        parser.error("--docs needs --json FILE, whose rows become the table.")
    if asked.turns < 1:
        parser.error(f"--turns {asked.turns}: accepted is a whole number from 1.")
    known = every_row()
    try:
        chosen = choose(known, asked.rows)
    except KeyError as unknown:
        parser.error(f"--rows {unknown.args[0]}: known are {', '.join(known)}.")
    print(f"{machine(HERE)}\n\n{HEAD}", flush=True)
    rows, began = {}, time.monotonic()
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        line, row = measured(name, known[name], asked.turns)
        print(line, flush=True)
        rows[name] = row
    print(f"\n{(time.monotonic() - began) / 60:.0f} minutes.")
    if asked.json:
        kept = keep(asked.json, {name: row for name, row in rows.items() if isinstance(row, Row)})
        if asked.docs:
            DOCS.write_text(with_table(DOCS.read_text(encoding="utf-8"), kept, list(known)), encoding="utf-8")
    return int(any(row is None or (isinstance(row, Row) and not row.reached) for row in rows.values()))


def keep(file: Path, rows: dict[str, Row]) -> dict[str, Any]:
    """Write rows into a file, in the place of earlier ones of the same name, and return all that it holds."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"rows": {}}
    kept["machine"] = machine(HERE)
    kept["rows"] |= {name: asdict(row) | {"reached": row.reached} for name, row in rows.items()}
    file.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return kept


def with_table(text: str, kept: dict[str, Any], order: list[str]) -> str:
    """Return a page with the rows of a file between its two marks, in this order."""
    rows = [kept["rows"][name] for name in order if name in kept["rows"]]
    lines = [line_of(Row(**{name: value for name, value in row.items() if name != "reached"})) for row in rows]
    before, rest = text.split(BEGIN)
    return "\n".join((f"{before}{BEGIN}", f"{kept['machine']}\n", HEAD, *lines, f"{END}{rest.split(END)[1]}"))


def every_row() -> dict[str, Measured]:
    """What measures a row, by its name: `file.row`, or `file` where a file has one of its own name."""
    found = {}
    for name in filter(find_spec, MODULES):
        for row in import_module(name).ROWS:
            found[name if row.__name__ == name else f"{name}.{row.__name__}"] = row
    return found


def choose(known: dict[str, Measured], asked: str | None) -> list[str]:
    """Names of rows. Raises KeyError for one that is neither a row nor a file of rows."""
    if asked is None:
        long = [row for name in filter(find_spec, MODULES) for row in getattr(import_module(name), "LONG", ())]
        return [name for name, row in known.items() if row not in long]
    chosen: dict[str, None] = {}
    for each in asked.split(","):
        some = [name for name in known if name == each or name.partition(".")[0] == each]
        if not some:
            raise KeyError(each)
        chosen |= dict.fromkeys(some)
    return list(chosen)


def measured(name: str, measure: Measured, turns: int) -> tuple[str, Row | NotRun | None]:
    """A row's line of the table, and the row; None where it failed, which the others do not suffer from."""
    try:
        row = measure(turns)
    except NotRun as reason:
        return f"| `{name}` | - | - | - | - | 0 | not run | {_cell(str(reason))} |", reason
    except Exception as error:
        traceback.print_exc()
        return f"| `{name}` | - | - | - | - | 0 | **failed** | {_cell(f'{type(error).__name__}: {error}')} |", None
    return line_of(row), row


def line_of(row: Row) -> str:
    """A line of the table."""
    bounds = [f"{sign} {limit:g}{row.unit}" for sign, limit in (("≥", row.least), ("≤", row.most)) if limit is not None]
    seen = f"{_number(median(row.ratios))}{row.unit}"
    spread = f"{_number(min(row.ratios))}..{_number(max(row.ratios))}"
    told = "yes" if row.reached else "**no**"
    cells = (row.what, row.against, " and ".join(bounds) or "-", seen, spread, len(row.ratios), told, row.note)
    return "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())[:400]


if __name__ == "__main__":
    sys.exit(main())
