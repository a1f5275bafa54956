"""Curves as small SVG files, the same bytes for the same curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 28, 36  # margins
COLOURS = ("#0969da", "#bc4c00", "#1a7f37")
DASHES = ("", "6 4", "2 3")
TEXT, AXIS, GRID = "#24292f", "#57606a", "#d8dee4"
FONT = "font-family='Helvetica, Arial, sans-serif' font-size='12'"
LEAST = 0.1  # pixels by which a point must leave the straight line to be kept


@dataclass(frozen=True)
class Curve:
    """A line of a picture.

    Attributes:
        name: What the legend says.
        points: Its places, from left to right.
        jump: A step of this height between neighbours is a gap, not a line.
    """

    name: str
    points: Sequence[Point]
    jump: float = float("inf")

    def pieces(self) -> list[list[Point]]:
        """The points, cut where the curve jumps."""
        found = [[self.points[0]]]
        for before, point in pairwise(self.points):
            if abs(point[1] - before[1]) > self.jump:
                found.append([])
            found[-1].append(point)
        return found


@dataclass(frozen=True)
class Axis:
    """An axis: what it shows, from where to where, and the numbers written at it."""

    name: str
    low: float
    high: float
    ticks: Sequence[float]

    def part(self, value: float) -> float:
        """Where a value stands, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def svg(title: str, x: Axis, y: Axis, curves: Sequence[Curve]) -> str:
    """The picture as text; what lies beyond the axes is cut off."""
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' "
        f"width='{WIDTH}' height='{HEIGHT}' role='img' aria-label='{title}' {FONT} fill='{TEXT}'>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='white'/>",
        f"<clipPath id='c'><rect x='{LEFT}' y='{TOP}' width='{WIDTH - LEFT - RIGHT}' "
        f"height='{HEIGHT - TOP - BOTTOM}'/></clipPath>",
    ]
    lines += _frame(x, y)
    for i, curve in enumerate(curves):
        style = f"fill='none' stroke='{COLOURS[i]}' stroke-width='2' stroke-dasharray='{DASHES[i]}'"
        path = "".join(_path(piece, x, y) for piece in curve.pieces())
        lines.append(f"<path clip-path='url(#c)' {style} d='{path}'/>")
        place = LEFT + 150 * i
        lines.append(f"<path {style} d='M{place} 14h26'/>")
        lines.append(f"<text x='{place + 32}' y='18'>{curve.name}</text>")
    return "\n".join([*lines, "</svg>"]) + "\n"


def _frame(x: Axis, y: Axis) -> list[str]:
    """Grid lines with their numbers, and the names of the axes."""
    lines = []
    for tick in x.ticks:
        at, colour = _across(tick, x), AXIS if tick == 0 else GRID
        lines.append(f"<path stroke='{colour}' d='M{at} {TOP}V{HEIGHT - BOTTOM}'/>")
        lines.append(
            f"<text x='{at}' y='{HEIGHT - BOTTOM + 14}' text-anchor='middle'>{tick:g}</text>"
        )
    for tick in y.ticks:
        at, colour = _down(tick, y), AXIS if tick == 0 else GRID
        lines.append(f"<path stroke='{colour}' d='M{LEFT} {at}H{WIDTH - RIGHT}'/>")
        lines.append(f"<text x='{LEFT - 6}' y='{at + 4:.1f}' text-anchor='end'>{tick:g}</text>")
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(f"<text x='{middle:g}' y='{HEIGHT - 6}' text-anchor='middle'>{x.name}</text>")
    if y.name:
        turn = f"rotate(-90 12 {HEIGHT // 2})"
        at = f"x='12' y='{HEIGHT // 2}' text-anchor='middle' transform='{turn}'"
        lines.append(f"<text {at}>{y.name}</text>")
    return lines


# The odd ten-thousandth keeps exact values off the middle between two roundings, where the last bit
# of an exponential would decide.
def _across(value: float, axis: Axis) -> float:
    return round(LEFT + 0.0013 + axis.part(value) * (WIDTH - LEFT - RIGHT), 1)


def _down(value: float, axis: Axis) -> float:
    return round(HEIGHT - BOTTOM + 0.0013 - axis.part(value) * (HEIGHT - TOP - BOTTOM), 1)


def _path(piece: Sequence[Point], x: Axis, y: Axis) -> str:
    """A piece as SVG commands, without the points that lie on the line of their neighbours."""
    places = [(_across(a, x), _down(b, y)) for a, b in piece]
    kept, passed = places[:1], []
    for place, after in pairwise(places[1:]):
        passed.append(place)
        if not _on_line(kept[-1], after, passed):
            kept.append(place)
            passed = []
    kept += places[1:][-1:]
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in kept)


def _on_line(start: Point, end: Point, places: Sequence[Point]) -> bool:
    slope = (end[1] - start[1]) / (end[0] - start[0])
    return all(abs(start[1] + slope * (a - start[0]) - b) <= LEAST for a, b in places)
