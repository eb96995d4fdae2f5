"""Charts as SVG text, drawn on the server and coloured by the style sheet.

Nothing is scaled as a whole: heights and texts are in pixels, widths in per cent, so that letters keep their
size at every width. Labels for which a narrow page has no room carry the class `wide`; a container query
hides them. Room beside the plot is padding, chosen from a few classes by the length of the labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

from django.utils.html import escape
from django.utils.translation import gettext as _

from bisync.lib.numbers import NumberFormat

Point: TypeAlias = tuple[str, float | None]
Place: TypeAlias = Callable[[int, int], float]  # index, count → per cent

HEIGHT = 208
TOP, BOTTOM = 20, 24
# What the plot has at least, and what a letter of 11 px takes.
_WIDE, _NARROW, _LETTER = 420, 240, 6.3
_LEFT, _RIGHT = (3, 5, 7, 9, 12), (5, 7, 9, 12)
# Beyond this many points there is no hovering over a single one; the table has them all.
_HOVER_LIMIT = 120
_COLOURS = 8


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart. `compare` is what a main line is held against: grey and dashed."""

    label: str
    points: Sequence[Point]
    role: Literal["main", "compare"] = "main"

    @property
    def known(self) -> list[tuple[int, str, float]]:
        """Position, label and value of every point that has one."""
        return [
            (index, label, value)
            for index, (label, value) in enumerate(self.points)
            if value is not None and math.isfinite(value)
        ]


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to pixels, with ticks at round figures."""

    ticks: tuple[float, ...]

    def y(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low))


def nice_ticks(low: float, high: float, count: int = 4) -> tuple[float, ...]:
    """About `count` round figures, evenly spaced, that hold `low` and `high` between them."""
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0) if low or high else 1.0
    span = high - low
    step = 10 ** math.floor(math.log10(span / count))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if span <= step * factor * count * 1.0001)
    # From whole multiples of the step, or 0.1 + 0.2 would end up on the axis.
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(step * index, 12) for index in range(first, max(last, first + 1) + 1))


def colour(series: Sequence[Series], position: int) -> str:
    """The class that gives a series its colour and its dashes."""
    if series[position].role == "compare":
        return "v0"
    mains = sum(other.role == "main" for other in series[: position + 1])
    return f"v{(mains - 1) % _COLOURS + 1}"


def line_chart(series: Sequence[Series], *, fmt: NumberFormat, label: str) -> str:
    """Lines over one common set of positions; a missing value is a gap, not a zero."""
    values = [value for line in series for _index, _name, value in line.known]
    if not values:
        return _nothing(label)
    scale = _Scale(nice_ticks(_floor(values), max(values)))
    names = [name for name, _value in max(series, key=lambda line: len(line.points)).points]
    ends = list(_ends(series, scale, fmt)) if len(series) <= 2 else []
    body = [
        *_grid(scale, fmt),
        *_names(names, _across),
        *_hovers(series, names, fmt),
        _plot(series, scale, len(names)),
        *ends,
    ]
    right = _room(_RIGHT, [fmt.short(line.known[-1][2]) for line in series if line.known]) if ends else 0
    return _svg(body, label=summary(series, fmt=fmt, label=label), left=_axis_room(scale, fmt), right=right)


def bar_chart(points: Sequence[Point], *, fmt: NumberFormat, label: str, emphasise: str = "") -> str:
    """Bars from zero, one for each point; the emphasised one in full colour among paler ones."""
    line = Series(label, points)
    values = [value for _index, _name, value in line.known]
    if not values:
        return _nothing(label)
    scale = _Scale(nice_ticks(min(0.0, *values), max(0.0, *values)))
    width = 100 / len(points)
    figures = {index for index, name, _value in line.known if name == emphasise or len(points) <= 6}
    body = [*_grid(scale, fmt), *_names([name for name, _value in points], _columns, emphasise)]
    for index, name, value in line.known:
        top, bottom = sorted((scale.y(value), scale.y(0.0)))
        dim = " dim" if emphasise and name != emphasise else ""
        bar = _rect(f"bar{dim}", (index + 0.16) * width, top, width * 0.68, max(bottom - top, 1))
        hit = _rect("hit", index * width, TOP, width, HEIGHT - TOP - BOTTOM)
        body.append(_told(f"{name}: {fmt.full(value)}", hit, bar))
        if index in figures:
            y = top - 5 if value >= 0 else bottom + 13
            body.append(_text(fmt.short(value), f"{(index + 0.5) * width:.3f}%", y, "em mid"))
    return _svg(body, label=summary([line], fmt=fmt, label=label), left=_axis_room(scale, fmt))


def row_chart(points: Sequence[Point], *, fmt: NumberFormat, label: str) -> str:
    """Lying bars with room for long names, in the given order."""
    line = Series(label, points)
    values = [value for _index, _name, value in line.known]
    if not values:
        return _nothing(label)
    low, high = min(0.0, *values), max(0.0, *values)
    span = (high - low) or 1.0
    body = []
    for row, (name, value) in enumerate(points):
        y = row * 38
        body.append(_text(name if len(name) <= 32 else name[:31] + "…", "0", y + 13, "start"))
        body.append(_text(fmt.short(value), "100%", y + 13, "em end"))
        if value is not None and math.isfinite(value):
            x, width = (min(value, 0.0) - low) / span * 100, abs(value) / span * 100
            bar = _rect("bar", x, y + 19, max(width, 0.2), 9)
            body.append(_told(f"{name}: {fmt.full(value)}", bar))
    said = escape(summary([line], fmt=fmt, label=label))
    return (
        f'<svg class="chart" height="{len(points) * 38}" role="img" aria-label="{said}">{"".join(body)}</svg>'
    )


def sparkline(values: Sequence[float | None], *, label: str = "") -> str:
    """A line of the size of a word, with a dot at its last value; without a label it is decoration."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    named = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    body = ""
    if known:
        low, span = min(known), max(known) - min(known)

        def place(index: int, value: float) -> tuple[float, float]:
            x = 2 + 92 * index / (len(values) - 1) if len(values) > 1 else 48.0
            return x, (21 - 18 * (value - low) / span if span else 12.0)

        dots = [
            place(index, value) if value is not None and math.isfinite(value) else None
            for index, value in enumerate(values)
        ]
        last = next(dot for dot in reversed(dots) if dot)
        body = f'<path d="{_path(dots)}"/><circle cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="2.2"/>'
    return f'<svg class="spark" viewBox="0 0 96 24" {named}>{body}</svg>'


def summary(series: Sequence[Series], *, fmt: NumberFormat, label: str) -> str:
    """What a chart shows, in words, for people who cannot see it."""
    sentences = [label.rstrip(".") + "."]
    for line in series:
        if not line.known:
            continue
        _i, first, start = line.known[0]
        _i, last, end = line.known[-1]
        _i, low_at, low = min(line.known, key=lambda point: point[2])
        _i, high_at, high = max(line.known, key=lambda point: point[2])
        said = _(
            "From %(start)s in %(first)s to %(end)s in %(last)s;"
            " lowest %(low)s in %(low_at)s, highest %(high)s in %(high_at)s."
        ) % {
            "start": fmt.short(start), "first": first, "end": fmt.short(end), "last": last,
            "low": fmt.short(low), "low_at": low_at, "high": fmt.short(high), "high_at": high_at,
        }  # fmt: skip
        sentences.append(f"{line.label}: {said}" if len(series) > 1 else said)
    return " ".join(sentences)


def _floor(values: Sequence[float]) -> float:
    """Where the axis of a line chart begins: at zero, unless that would flatten the line."""
    low, high = min(values), max(values)
    return 0.0 if 0 <= low < high / 2 else low


def _grid(scale: _Scale, fmt: NumberFormat) -> Iterator[str]:
    for tick in scale.ticks:
        y = scale.y(tick)
        css = "zero" if tick == 0 else "grid"
        yield f'<line class="{css}" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(fmt.short(tick), "-8", y + 4, "end")


def _across(index: int, count: int) -> float:
    """The place of a point on a line, in per cent."""
    return 100 * index / (count - 1) if count > 1 else 50.0


def _columns(index: int, count: int) -> float:
    """The middle of a bar, in per cent."""
    return 100 * (index + 0.5) / count


def _names(names: Sequence[str], place: Place, emphasise: str = "") -> Iterator[str]:
    """The names below the plot: as many as fit, counted from the last, which is the one people look for."""
    longest = max(len(name) for name in names) * _LETTER + 14
    wide = math.ceil(len(names) * longest / _WIDE)
    narrow = wide * math.ceil(math.ceil(len(names) * longest / _NARROW) / wide)
    for index, name in enumerate(names):
        back = len(names) - 1 - index
        if back % wide:
            continue
        css = "mid" + (" wide" if back % narrow else "") + (" em" if name and name == emphasise else "")
        yield _text(name, f"{place(index, len(names)):.3f}%", HEIGHT - 4, css)


def _hovers(series: Sequence[Series], names: Sequence[str], fmt: NumberFormat) -> Iterator[str]:
    """For each position a strip that tells the values when the pointer rests on it."""
    if len(names) > _HOVER_LIMIT:
        return
    width = 100 / max(len(names) - 1, 1)
    for index, name in enumerate(names):
        told = [
            (f"{line.label}: " if len(series) > 1 else "") + fmt.full(line.points[index][1])
            for line in series
            if index < len(line.points)
        ]
        left = max(0.0, _across(index, len(names)) - width / 2)
        right = min(100.0, _across(index, len(names)) + width / 2)
        hit = _rect("hit", left, TOP, right - left, HEIGHT - TOP - BOTTOM)
        yield _told("\n".join([name, *told]), hit)


def _plot(series: Sequence[Series], scale: _Scale, count: int) -> str:
    """The lines themselves: the one part that is stretched, because a path knows no per cent."""
    paths = []
    # What is compared with lies below.
    for position in sorted(range(len(series)), key=lambda index: series[index].role == "main"):
        known = {index: value for index, _name, value in series[position].known}
        dots = [
            (_across(index, count), scale.y(known[index])) if index in known else None
            for index in range(count)
        ]
        paths.append(f'<path class="{colour(series, position)}" d="{_path(dots)}"/>')
    return (
        f'<svg class="plot" viewBox="0 0 100 {HEIGHT}" preserveAspectRatio="none"'
        f' width="100%" height="{HEIGHT}">{"".join(paths)}</svg>'
    )


def _path(dots: Iterable[tuple[float, float] | None]) -> str:
    """Move and line commands, broken at every gap. A lone point is drawn as a dot by its round line cap."""
    parts = []
    for known, run in groupby(dots, key=lambda dot: dot is not None):
        if not known:
            continue
        (x, y), *rest = [dot for dot in run if dot is not None]
        parts.append(f"M{x:.2f} {y:.1f}" + "".join(f"L{x:.2f} {y:.1f}" for x, y in rest or [(x, y)]))
    return "".join(parts)


def _ends(series: Sequence[Series], scale: _Scale, fmt: NumberFormat) -> Iterator[str]:
    """A ring and the value at the end of each line, kept apart where they would touch."""
    ends = sorted(
        (scale.y(line.known[-1][2]), position, line) for position, line in enumerate(series) if line.known
    )
    lowest = -math.inf
    for y, position, line in ends:
        index, _name, value = line.known[-1]
        x = _across(index, len(line.points))
        css = "em start" if line.role == "main" else "start"
        lowest = max(y + 4, lowest + 13)
        yield f'<circle class="{colour(series, position)}" cx="{x:.3f}%" cy="{y:.1f}" r="3.5"/>'
        yield f'<text class="{css}" x="{x:.3f}%" dx="9" y="{lowest:.1f}">{escape(fmt.short(value))}</text>'


def _text(text: str, x: str, y: float, css: str) -> str:
    return f'<text class="{css}" x="{x}" y="{y:.1f}">{escape(text)}</text>'


def _rect(css: str, x: float, y: float, width: float, height: float) -> str:
    """A rectangle: across in per cent, down in pixels."""
    return (
        f'<rect class="{css}" x="{x:.3f}%" y="{y:.1f}" width="{width:.3f}%" height="{height:.1f}" rx="2.5"/>'
    )


def _told(title: str, *shapes: str) -> str:
    """Shapes that tell something when the pointer rests on them."""
    return f"<g><title>{escape(title)}</title>{''.join(shapes)}</g>"


def _room(steps: Sequence[int], texts: Iterable[str]) -> int:
    longest = max((len(text) for text in texts), default=0)
    return next((step for step in steps if step >= longest), steps[-1])


def _axis_room(scale: _Scale, fmt: NumberFormat) -> int:
    return _room(_LEFT, [fmt.short(tick) for tick in scale.ticks])


def _svg(body: Iterable[str], *, label: str, left: int, right: int = 0) -> str:
    return (
        f'<svg class="chart pl-{left} pr-{right}" height="{HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{''.join(body)}</svg>"
    )


def _nothing(label: str) -> str:
    text = _("No values to show")
    return (
        f'<svg class="chart" height="96" role="img" aria-label="{escape(label)}: {escape(text)}">'
        f"{_text(text, '50%', 52, 'mid')}</svg>"
    )
