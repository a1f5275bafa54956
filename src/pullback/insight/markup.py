"""Pieces of a page: every text that comes from elsewhere is escaped on its way in."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from pullback.writing import printable

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
    return Html(html.escape(printable(str(text))))


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
        kinds = ["n" * (i in numbers) for i in range(len(row))]
        made = "".join(element(tag, c, cls=kind) for c, kind in zip(row, kinds, strict=True))
        return Html(made.replace("<th", '<th scope="col"') if tag == "th" else made)

    lines = [f"<caption>{escaped(caption)}</caption>"] if caption else []
    if any(headers):
        lines.append(f"<thead><tr>{cells(headers, 'th')}</tr></thead>")
    lines.append("<tbody>")
    for i, row in enumerate(rows):
        kind = ' class="marked"' * (i in bold)
        lines.append(f"<tr{kind}>{cells(row, 'td')}</tr>")
    lines.append("</tbody>")
    return Html(f'<div class="wide"><table>{chr(10).join(lines)}</table></div>')


def code(text: str) -> Html:
    """Lines to be copied."""
    return Html(f"<pre><code>{escaped(text)}</code></pre>")


def folded(title: str, content: object) -> Html:
    """Something long, closed at first; on paper it is left out unless opened."""
    return Html(f"<details><summary>{escaped(title)}</summary>\n{escaped(content)}\n</details>")
