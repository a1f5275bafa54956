"""Figures as parts of a page, in the page's own colours."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING

from pullback.insight.figures.style import FAINT, INK, SERIES
from pullback.insight.markup import Html, element, escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
