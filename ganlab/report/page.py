"""The blocks of one self-contained HTML page: no request leaves it; readable in light, in dark, on a phone.

Each block returns `Html`. Whatever is not `Html` is escaped, so that a name from a header or a configuration
can never become markup.
"""

import base64
import html
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

NOTICE = "Synthetic data. Not for clinical use before expert evaluation."
"""What everything generated says about itself (paper, 5.6)."""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


@dataclass(frozen=True)
class Frame:
    """One picture of a series through time: a PNG file and the epoch or step it was made at."""

    label: str
    png: bytes


def text(value: object) -> Html:
    """Any value as text, escaped unless it is `Html`."""
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def breakable(name: object) -> Html:
    """A name that may go on in the next line after a `/`."""
    return Html(text(name).replace("/", "/<wbr>"))


def join(blocks: Iterable[object]) -> Html:
    """Blocks one after another."""
    return Html("\n".join(text(block) for block in blocks))


def heading(content: object, level: int = 2) -> Html:
    """A heading of `level` 1 to 6."""
    return Html(f"<h{level}>{text(content)}</h{level}>")


def paragraph(content: object, kind: str = "") -> Html:
    """A paragraph; `kind` is its class: `lead` or `muted`."""
    return Html(f'<p class="{text(kind)}">{text(content)}</p>' if kind else f"<p>{text(content)}</p>")


def banner(content: object = NOTICE) -> Html:
    """What nobody who opens the page may miss."""
    return Html(f'<div class="banner" role="note">{text(content)}</div>')


def section(title: object, *blocks: object) -> Html:
    """A heading with what belongs to it."""
    return Html(f"<section>\n{heading(title)}\n{join(blocks)}\n</section>")


def columns(*blocks: object) -> Html:
    """Blocks beside each other, or one below the other where the screen is narrow."""
    cells = "\n".join(f"<div>{text(block)}</div>" for block in blocks)
    return Html(f'<div class="columns">{cells}</div>')


def facts(items: Iterable[tuple[object, object]]) -> Html:
    """A few numbers in large type, each with what it is."""
    cells = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in items)
    return Html(f'<dl class="facts">{cells}</dl>')


def items(contents: Iterable[object]) -> Html:
    """A list with bullets."""
    return Html("<ul>" + "".join(f"<li>{text(content)}</li>" for content in contents) + "</ul>")


def table(rows: Iterable[Sequence[object]], header: Sequence[object] = (), numeric: Collection[int] = ()) -> Html:
    """Rows of cells below a `header`; the columns in `numeric` are set flush right."""
    head = f"<thead>{_row(header, 'th', numeric)}</thead>" if header else ""
    body = "\n".join(_row(row, "td", numeric) for row in rows)
    return Html(f'<div class="scroll"><table>{head}<tbody>\n{body}\n</tbody></table></div>')


def details(summary: object, content: object) -> Html:
    """Something long, folded away."""
    return Html(f"<details><summary>{text(summary)}</summary>{text(content)}</details>")


def code(content: object) -> Html:
    """A file or a command, as it is."""
    return Html(f'<pre class="scroll"><code>{text(content)}</code></pre>')


def data_uri(png: bytes) -> str:
    """A PNG file as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def figure(png: bytes, caption: object, alt: object) -> Html:
    """A PNG file with a caption below it; `alt` says what there is to see."""
    image = f'<img src="{data_uri(png)}" alt="{text(alt)}">'
    return Html(f"<figure>{image}<figcaption>{text(caption)}</figcaption></figure>")


def slider(frames: Sequence[Frame], caption: object, name: str = "grids") -> Html:
    """Pictures through time below a range input; the last one is shown, and stays where JavaScript is off.

    `name` tells apart several sliders of a page; it is made of letters only.
    """
    last = frames[-1]
    series = json.dumps([[frame.label, data_uri(frame.png)] for frame in frames]).replace("<", "\\u003c")
    top = len(frames) - 1
    return Html(
        f'<figure class="slider" id="{name}">'
        f'<div class="time" hidden><input type="range" max="{top}" value="{top}" aria-label="time"></div>'
        f'<output class="label">{text(last.label)}</output>'
        f'<img class="pixels" src="{data_uri(last.png)}" alt="generated images, {text(last.label)}">'
        f"<figcaption>{text(caption)}</figcaption></figure>"
        f"<script>(function(frames){{{_SLIDE.replace('NAME', name)}}})({series});</script>"
    )


def page(title: object, blocks: Iterable[object], footer: object) -> str:
    """The whole page, with everything it needs inside it."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{join(blocks)}\n</main>\n<footer>{text(footer)}</footer>\n</body>\n</html>\n"
    )


def _row(cells: Sequence[object], tag: str, numeric: Collection[int]) -> str:
    kinds = [' class="number"' if index in numeric else "" for index in range(len(cells))]
    return "<tr>" + "".join(f"<{tag}{k}>{text(c)}</{tag}>" for k, c in zip(kinds, cells, strict=True)) + "</tr>"


_SLIDE = """
var box = document.getElementById('NAME'), time = box.querySelector('.time');
var input = time.querySelector('input'), image = box.querySelector('img');
time.hidden = false;
input.addEventListener('input', function () {
  var frame = frames[+input.value];
  image.src = frame[1];
  image.alt = 'generated images, ' + frame[0];
  input.setAttribute('aria-valuetext', frame[0]);
  box.querySelector('.label').textContent = frame[0];
});
"""

_STYLE = """
:root { --paper: #fbfaf8; --card: #ffffff; --ink: #1d1f23; --soft: #63676f; --line: #e3e0da;
  --accent: #b3382c; --alarm: #8c1d18; --alarm-paper: #fdecea; --alarm-line: #e5a29c; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --card: #1f2228; --ink: #e9e7e3; --soft: #a2a6ae; --line: #353a42;
    --accent: #f08a7d; --alarm: #ffd9d4; --alarm-paper: #4a1512; --alarm-line: #8d3a33; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main, footer { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 1.4rem 0 .2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 0 0 .8rem; padding-bottom: .35rem; border-bottom: 2px solid var(--accent); }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
section { margin: 2.6rem 0; }
p { margin: .5rem 0; max-width: 75ch; }
.lead { color: var(--soft); margin-top: 0; overflow-wrap: anywhere; }
.muted, small { color: var(--soft); font-size: .86rem; }
small { display: block; line-height: 1.35; }
.banner { position: sticky; top: 0; z-index: 1; margin: 0 -20px; padding: .7rem 20px; text-align: center;
  font-weight: 650; color: var(--alarm); background: var(--alarm-paper);
  border-bottom: 1px solid var(--alarm-line); }
.columns { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 20px; align-items: start; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 10px;
  margin: 1.2rem 0; }
.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .55rem .8rem; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; font-size: 1.12rem; font-weight: 600; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; }
figure { margin: 0 0 1rem; }
figure img { display: block; width: 100%; height: auto; background: #fff; border-radius: 8px;
  box-shadow: 0 0 0 1px var(--line); }
figcaption { color: var(--soft); font-size: .86rem; margin-top: .45rem; max-width: 75ch; }
.slider { max-width: 560px; margin: 0 auto; }
.slider .pixels { image-rendering: pixelated; }
.slider input { width: 100%; height: 2rem; accent-color: var(--accent); }
.slider .label { display: block; font-weight: 600; font-variant-numeric: tabular-nums; margin: 0 0 .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .94rem; }
th, td { text-align: left; vertical-align: top; padding: .42rem .9rem .42rem 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; font-size: .84rem; }
td:first-child { overflow-wrap: break-word; min-width: 8em; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin: .8rem 0; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
summary { cursor: pointer; padding: .55rem .8rem; font-weight: 600; }
details > :not(summary) { margin: 0; padding: 0 .8rem .7rem; }
pre { font: .82rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
ul { margin: .4rem 0; padding-left: 1.3rem; }
details > ul { padding-left: 2rem; }
li { overflow-wrap: anywhere; }
footer { border-top: 1px solid var(--line); margin-top: 3rem; padding: 1rem 20px 2.5rem; color: var(--soft);
  font-size: .86rem; overflow-wrap: anywhere; }
@media (max-width: 720px) {
  body { font-size: 15px; }
  h1 { font-size: 1.5rem; }
  th, td { padding-right: .6rem; }
  main, footer { padding-left: 14px; padding-right: 14px; }
  .banner { margin: 0 -14px; padding-left: 14px; padding-right: 14px; }
  .columns { grid-template-columns: minmax(0, 1fr); gap: 8px; }
  .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media print { .banner { position: static; } figure, tr { break-inside: avoid; } }
"""
