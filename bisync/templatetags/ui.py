"""Tags and filters of the templates: formatting only, never a query."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.db.models import Model
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bisync.lib import charts, icons, log_lines, markdown, search
from bisync.lib import highlight as highlighting
from bisync.lib.highlight import Language
from bisync.lib.log_lines import LogTail
from bisync.lib.numbers import BLANK, Figure, Kind, NumberFormat, exact, in_cell, points
from governance import audit

register = template.Library()

# Every icon that is chosen at run time; the others are named in templates.
ENVIRONMENT_ICONS = {"prod": "shield-alert", "staging": "flask-conical", "dev": "wrench"}
TONE_ICONS = {"ok": "circle-check", "warn": "triangle-alert", "bad": "octagon-alert", "info": "info"}
STATE_ICONS = {
    "passed": ("circle-check", "c-ok"),
    "warning": ("triangle-alert", "c-warn"),
    "failed": ("circle-x", "c-bad"),
    "running": ("loader", "c-accent"),
    "waiting": ("circle-dashed", "c-muted"),
    "skipped": ("circle-slash", "c-muted"),
}
_MESSAGE_TONES = {"success": "ok", "warning": "warn", "error": "bad"}


# -- Icons --------------------------------------------------------------------------------------------


class UnknownIcon(template.TemplateSyntaxError):
    """A name that the icon set does not have."""


@register.simple_tag
def icon(name: str, size: int = 16, css: str = "", label: str = "") -> SafeString:
    """A Lucide icon. Decoration, unless a label says what it stands for."""
    return _icon(str(name), size, css, label)


@lru_cache(maxsize=512)
def _icon(name: str, size: int, css: str, label: str) -> SafeString:
    named = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    if css:
        named["class"] = css
    try:
        return icons.svg(name, size=size, attributes=named)
    except KeyError:
        raise UnknownIcon(f"There is no icon {name!r}; https://lucide.dev/icons lists the names.") from None


@register.filter
def environment_icon(tone: str) -> str:
    """The icon name of an environment's tone: prod, staging or dev."""
    return ENVIRONMENT_ICONS[tone]


@register.filter
def tone_icon(tone: str) -> str:
    """The icon name of a tone: ok, warn, bad or info."""
    return TONE_ICONS[tone]


@register.filter
def state_icon(state: str) -> str:
    """The icon name of a check's state."""
    return STATE_ICONS[state][0]


@register.filter
def state_css(state: str) -> str:
    """The colour class of a check's state."""
    return STATE_ICONS[state][1]


@register.filter
def message_tone(level_tag: str) -> str:
    """The tone of a Django message by its level: success → ok."""
    return _MESSAGE_TONES.get(level_tag, "info")


# -- Time ---------------------------------------------------------------------------------------------


@register.filter
def when(value: datetime | date | None) -> SafeString:
    """How long ago or how soon, with the exact time behind it; a dash where there is none."""
    if value is None:
        return SafeString(BLANK)
    if not isinstance(value, datetime):
        return _time(value.isoformat(), "", date_format(value, "j M Y"))
    local = timezone.localtime(value)
    exact_time = date_format(local, "j M Y, H:i")
    return _time(value.isoformat(), f"{exact_time} {local.tzname()}", _relative(local, timezone.localtime()))


def _time(machine: str, title: str, text: str) -> SafeString:
    if not title:
        return format_html('<time datetime="{}">{}</time>', machine, text)
    return format_html('<time datetime="{}" title="{}">{}</time>', machine, title, text)


def _relative(moment: datetime, now: datetime) -> str:
    ago = now - moment
    distance = abs(ago)
    if distance < timedelta(seconds=45):
        return _("just now")
    if distance >= timedelta(days=30):
        return date_format(moment, "j M Y")
    amount = _amount(distance)
    return (_("%(amount)s ago") if ago > timedelta() else _("in %(amount)s")) % {"amount": amount}


def _amount(distance: timedelta) -> str:
    minutes = max(1, round(distance / timedelta(minutes=1)))
    if minutes < 60:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    hours = round(distance / timedelta(hours=1))
    if hours < 24:
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    days = round(distance / timedelta(days=1))
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


@register.filter
def duration(value: timedelta | float | None) -> str:
    """How long something took: 0.8 s, 38 s, 2 min 5 s, 1 h 4 min."""
    if value is None:
        return BLANK
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


# -- Figures ------------------------------------------------------------------------------------------


@register.simple_tag(name="number")
def number_tag(value: Figure, kind: Kind = "number", currency: str = "", short: bool = False) -> str:  # noqa: FBT001, FBT002
    """A figure as people read it: `{% number value "currency" currency="GBP" short=True %}`."""
    fmt = NumberFormat(kind, currency)
    return fmt.short(value) if short else fmt.full(value)


@register.filter(name="number")
def number_filter(value: Figure, kind: Kind = "number") -> str:
    """A figure in full: `{{ count|number:"integer" }}`."""
    return NumberFormat(kind).full(value)


@register.filter
def cell(value: object) -> str:
    """A value of a warehouse's row, a number without the digits that only its type brings."""
    return in_cell(value)


@register.filter
def plural(count: int, forms: str) -> str:
    """The count with the right word: `{{ rows|plural:"row,rows" }}` → 1,204 rows."""
    one, _comma, many = forms.partition(",")
    return f"{NumberFormat('integer').full(count)} {one if count == 1 else many}"


@register.simple_tag
def delta(before: Figure, after: Figure, good: str = "", *, kind: Kind = "number") -> SafeString:
    """The relative change as a chip; of percentages in points, of what is below zero as a difference.

    `good` says which way is welcome, if one is.
    """
    old, new = exact(before), exact(after)
    if old is None or new is None:
        return format_html('<span class="chip">{}</span>', BLANK)
    if old == new:
        return format_html('<span class="chip">{}{}</span>', _icon("equal", 12, "", ""), _("No change"))
    way = "up" if new > old else "down"
    tone = "" if not good else " chip-ok" if way == good else " chip-bad"
    told = _("up") if way == "up" else _("down")
    text: str
    if kind == "percent":
        text = format_html(
            '<span>{} <abbr title="{}">{}</abbr></span>',
            points(abs(new - old)),
            _("percentage points"),
            _("pp"),
        )
    elif not old:
        text = _("from zero")
    elif old < 0 or new < 0:
        text = NumberFormat(kind).full(abs(new - old))  # a share of a loss is no share
    else:
        text = NumberFormat("percent").full(abs((new - old) / old))
    return format_html(
        '<span class="chip{}">{}<span class="vh">{} </span>{}</span>',
        tone, _icon(f"trending-{way}", 13, "", ""), told, text,
    )  # fmt: skip


# -- Text ---------------------------------------------------------------------------------------------


@register.filter(name="markdown")
def markdown_filter(text: str) -> SafeString:
    """What a person wrote in Markdown, as safe HTML."""
    return markdown.rendered(text)


@register.filter
def described(text: str) -> SafeString:
    """A description from dbt's files, whose Markdown is wrapped where lines were full, as safe HTML."""
    return markdown.rendered(text, wrapped=True)


@register.filter
def highlight(text: str, language: Language) -> SafeString:
    """Code with its parts coloured: `{{ sql|highlight:"sql" }}`."""
    return highlighting.highlight(text, language)


@register.filter
def log_tail(text: str) -> LogTail:
    """The last 500 lines of a log, for components/log.html."""
    return log_lines.tail(text)


@register.filter
def audit_key(target: Model) -> str:
    """How the audit log names a record, for a link to its history."""
    return audit.key(target)


# -- Charts -------------------------------------------------------------------------------------------


@register.simple_tag
def line_chart(
    series: Sequence[charts.Series], *, label: str, kind: Kind = "number", currency: str = ""
) -> SafeString:
    """Lines with a legend and the same figures as a table."""
    fmt = NumberFormat(kind, currency)
    legend = [(charts.colour(series, position), line.label) for position, line in enumerate(series)]
    svg = charts.line_chart(series, fmt=fmt, label=label)
    return _chart(svg, label, series, fmt=fmt, legend=legend if len(series) > 1 else [])


@register.simple_tag
def bar_chart(
    points: Sequence[charts.Point],
    *,
    label: str,
    kind: Kind = "number",
    currency: str = "",
    emphasise: str = "",
) -> SafeString:
    """Standing bars, for periods or a few short names."""
    fmt = NumberFormat(kind, currency)
    svg = charts.bar_chart(points, fmt=fmt, label=label, emphasise=emphasise)
    return _chart(svg, label, [charts.Series(_("Value"), points)], fmt=fmt)


@register.simple_tag
def row_chart(
    points: Sequence[charts.Point], *, label: str, kind: Kind = "number", currency: str = ""
) -> SafeString:
    """Lying bars, for names of any length."""
    fmt = NumberFormat(kind, currency)
    svg = charts.row_chart(points, fmt=fmt, label=label)
    return _chart(svg, label, [charts.Series(_("Value"), points)], fmt=fmt)


@register.simple_tag
def sparkline(values: Sequence[float | None], label: str = "") -> SafeString:
    """A line of the size of a word."""
    return mark_safe(charts.sparkline(values, label=label))  # noqa: S308 (escaped where it is drawn)


def _chart(
    svg: str,
    label: str,
    series: Sequence[charts.Series],
    *,
    fmt: NumberFormat,
    legend: Sequence[tuple[str, str]] = (),
) -> SafeString:
    longest = max((line.points for line in series), key=len, default=())
    rows = [
        (name, [fmt.full(line.points[index][1]) if index < len(line.points) else BLANK for line in series])
        for index, (name, _value) in enumerate(longest)
    ]
    context: dict[str, Any] = {
        "svg": mark_safe(svg),  # noqa: S308 (escaped where it is drawn)
        "label": label,
        "legend": legend,
        "headers": [line.label for line in series],
        "rows": rows,
    }
    return render_to_string("components/chart.html", context)


@register.filter
def marked(text: str, words: Sequence[str]) -> SafeString:
    """The text with the words that were looked for marked."""
    return search.marked(text, words)


@register.filter
def excerpt(text: str, words: Sequence[str]) -> SafeString:
    """A line of a longer text, where the words that were looked for are."""
    return search.marked(" ".join(text.split()), words, most=140)
