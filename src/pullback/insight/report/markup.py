"""Pieces of a page: every text that comes from elsewhere is escaped on its way in."""

from __future__ import annotations

import html
import io
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pullback.insight.figures.style import FAINT, INK, SERIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DASH = "–"


class Html(str):
    """Text that is markup already; all other text is escaped where it is put in."""

    __slots__ = ()


def escaped(text: object) -> Html:
    r"""Text as a page shows it: no markup of its own, control characters made visible.

    Example:
        >>> escaped('<script>"&'), escaped(Html("<b>")), escaped(chr(0))
        ('&lt;script&gt;&quot;&amp;', '<b>', '\\x00')
    """
    if isinstance(text, Html):
        return text
    shown = str(text)
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in shown)
    return Html(html.escape(shown))


def element(name: str, *content: object, cls: str = "") -> Html:
    """An element around texts and markup.

    Example:
        >>> element("p", "a < b", cls="note")
        '<p class="note">a &lt; b</p>'
    """
    kind = f' class="{escaped(cls)}"' if cls else ""
    return Html(f"<{name}{kind}>{''.join(map(escaped, content))}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """Texts and markup one after the other, on lines of their own."""
    return Html("\n".join(map(escaped, parts)))


def section(title: str, *content: object) -> Html:
    """A part of the page under a heading."""
    return Html(f"<section>\n{element('h2', title)}\n{joined(content)}\n</section>")


def table(
    headers: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[int] = (),
    marked: Iterable[int] = (),
    caption: str = "",
) -> Html:
    """A table; one that is wide is scrolled by itself.

    Args:
        headers: One a column; all empty for none.
        rows: The cells; a row of one cell spans the table.
        right: The columns of numbers.
        marked: The rows that stand out.
        caption: What stands above it.
    """
    numbers, bold = set(right), set(marked)

    def cells(row: Sequence[object], tag: str) -> Html:
        if len(row) == 1 and len(headers) > 1:
            return Html(f'<td class="gap" colspan="{len(headers)}">{escaped(row[0])}</td>')
        return Html("".join(element(tag, c, cls="n" * (i in numbers)) for i, c in enumerate(row)))

    lines = [f"<caption>{escaped(caption)}</caption>"] if caption else []
    if any(headers):
        lines.append(f"<thead><tr>{cells(headers, 'th')}</tr></thead>")
    lines.append("<tbody>")
    for i, row in enumerate(rows):
        lines.append(f"<tr{' class=marked' * (i in bold)}>{cells(row, 'td')}</tr>")
    lines.append("</tbody>")
    return Html(f'<div class="wide"><table>{chr(10).join(lines)}</table></div>')


def code(text: str) -> Html:
    """Lines to be copied."""
    return Html(f"<pre><code>{escaped(text)}</code></pre>")


def folded(title: str, content: object) -> Html:
    """Something long, closed at first; on paper it is left out unless opened."""
    return Html(f"<details><summary>{escaped(title)}</summary>\n{escaped(content)}\n</details>")


def number(value: float | None) -> str:
    """A score as people write it; a dash where there is none.

    Example:
        >>> number(0.97561), number(1234567.8), number(None), number(1.2e-05), number(3.0)
        ('0.9756', '1,234,568', '–', '1.2e-05', '3.0000')
    """
    if value is None or not math.isfinite(value):
        return DASH
    size = abs(value)
    if size == 0 or size < 1e-3:
        return f"{value:.3g}"
    if size >= 1e5:
        return f"{value:,.0f}" if size < 1e12 else f"{value:.4g}"
    return f"{value:.{5 - max(1, len(str(int(size))))}f}"


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "row"), counted(1200, "row")
        ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def picture(figure: Figure, name: str, caption: str) -> Html:
    """A figure as SVG inside the page, in the page's own colours of text.

    Args:
        figure: Drawn with the colours of `figures.style`.
        name: One that no other figure of the page has; letters only.
        caption: What it shows, also for those who hear the page.
    """
    out = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a name in a script of its own
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format",
                                                                  "Type")))  # fmt: skip
    drawn = _inline(out.getvalue(), name)
    label = escaped(caption)
    drawn = re.sub(r"<svg ", f'<svg role="img" aria-label="{label}" ', drawn, count=1)
    return Html(f"<figure>\n{drawn}\n{element('figcaption', caption)}\n</figure>")


def _inline(svg: str, name: str) -> str:
    """SVG as part of a page: no header, no names that another figure may have, no fixed size."""
    svg = svg[svg.index("<svg ") :].rstrip()
    for needless in ("<metadata>.*?</metadata>", "<!--.*?-->"):  # the words of texts, once more
        svg = re.sub(needless, "", svg, flags=re.DOTALL)
    svg = re.sub(r'<style type="text/css">.*?</style>', "", svg, flags=re.DOTALL)
    opening = svg[: svg.index(">") + 1]
    points = re.search(r' width="([\d.]+)pt"', opening)
    width = float(points[1]) / 72 * 96 if points else 700.0
    kept = re.sub(r' (?:xmlns|xmlns:xlink|version|width|height)="[^"]*"', "", opening)
    svg = kept.replace("<svg", f'<svg style="width:{width:.0f}px"', 1) + svg[len(opening) :]
    names = {old: f"{name}{i}" for i, old in enumerate(re.findall(r' id="([^"]+)"', svg))}
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{names[m[1]]}"', svg)
    svg = re.sub(
        r'(url\(#|href="#)([^")]+)', lambda m: m[1] + names.get(m[2], f"{name}-{m[2]}"), svg
    )
    svg = re.sub(r"(?<=[\d\"]) *\n *(?=[LMQCz])", " ", svg)
    for i, colour in enumerate(SERIES):
        svg = svg.replace(colour, f"var(--s{i})")
    return svg.replace(INK, "currentColor").replace(FAINT, "var(--faint)")
