from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from bisync.lib import log_lines
from bisync.lib.highlight import highlight, lines
from bisync.lib.numbers import Figure, Kind, NumberFormat
from bisync.templatetags import ui


def _rendered(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


# -- Icons --------------------------------------------------------------------------------------------


def test_an_icon_is_decoration_unless_it_has_a_label() -> None:
    assert 'aria-hidden="true"' in _rendered('{% icon "check" size=14 %}')
    labelled = _rendered('{% icon "check" label="Done" %}')
    assert 'role="img"' in labelled
    assert 'aria-label="Done"' in labelled
    assert "aria-hidden" not in labelled


def test_an_icon_that_does_not_exist_is_named_in_the_error() -> None:
    with pytest.raises(ui.UnknownIcon, match="'no-such-icon'"):
        _rendered('{% icon "no-such-icon" %}')


@pytest.mark.parametrize(
    "name",
    [
        *ui.ENVIRONMENT_ICONS.values(),
        *ui.TONE_ICONS.values(),
        *(name for name, _css in ui.STATE_ICONS.values()),
    ],
)
def test_icons_chosen_at_run_time_exist(name: str) -> None:
    assert ui.icon(name).startswith("<svg")


def test_a_label_cannot_smuggle_markup_in() -> None:
    assert "<script" not in _rendered("{% icon name='check' label=label %}", label='"><script>')


# -- Time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=10), "just now"),
        (timedelta(seconds=50), "1 minute ago"),
        (timedelta(minutes=38), "38 minutes ago"),
        (timedelta(minutes=59, seconds=50), "1 hour ago"),
        (timedelta(hours=3), "3 hours ago"),
        (timedelta(hours=23, minutes=50), "1 day ago"),
        (timedelta(days=12), "12 days ago"),
        (timedelta(hours=-2, seconds=-30), "in 2 hours"),
    ],
)
def test_a_moment_is_told_by_its_distance(ago: timedelta, text: str) -> None:
    moment = timezone.now() - ago

    html = ui.when(moment)

    assert f">{text}</time>" in html
    assert f'datetime="{moment.isoformat()}"' in html
    assert 'title="' in html


def test_a_distant_moment_is_a_date() -> None:
    moment = datetime(2020, 2, 9, 12, 30, tzinfo=timezone.get_current_timezone())

    html = ui.when(moment)

    assert ">9 Feb 2020</time>" in html
    assert 'title="9 Feb 2020, 12:30 UTC"' in html


def test_a_day_and_nothing_at_all_can_be_told_too() -> None:
    assert ui.when(date(2026, 11, 22)) == '<time datetime="2026-11-22">22 Nov 2026</time>'
    assert ui.when(None) == "–"  # noqa: RUF001


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.84, "0.8 s"),
        (38, "38 s"),
        (59.7, "1 min"),
        (125, "2 min 5 s"),
        (timedelta(hours=1, minutes=4, seconds=20), "1 h 4 min"),
        (timedelta(hours=2), "2 h"),
        (None, "–"),  # noqa: RUF001
    ],
)
def test_a_duration_has_at_most_two_units(value: timedelta | float | None, text: str) -> None:
    assert ui.duration(value) == text


# -- Figures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "full", "short"),
    [
        (1234.5, "number", "1,234.5", "1.23k"),
        (0.1 + 0.2, "number", "0.3", "0.3"),
        (0.00123, "number", "0.00123", "0.00123"),
        (1 / 12, "number", "0.0833", "0.0833"),
        (0.9996, "number", "1", "1"),
        (0.5, "number", "0.5", "0.5"),
        (-1204, "number", "−1,204", "−1.2k"),  # noqa: RUF001
        (0, "number", "0", "0"),
        (-0.0000001, "currency", "£0.00", "£0.00"),
        (48.2, "currency", "£48.20", "£48.20"),
        (60, "currency", "£60.00", "£60"),
        (4_614_999, "currency", "£4,614,999.00", "£4.61m"),
        (999_950, "currency", "£999,950.00", "£1m"),
        (-212_000, "currency", "−£212,000.00", "−£212k"),  # noqa: RUF001
        (-1.5e25, "currency", "−£15,000,000,000,000,000,000,000,000.00", "−£1.5e25"),  # noqa: RUF001
        (Decimal("12345678901.23"), "currency", "£12,345,678,901.23", "£12.3bn"),
        (0.0312, "percent", "3.1%", "3.1%"),
        (1, "percent", "100%", "100%"),
        (1234.5, "integer", "1,235", "1.23k"),
        (14208, "integer", "14,208", "14.2k"),
        (None, "currency", "–", "–"),  # noqa: RUF001
        (float("nan"), "number", "–", "–"),  # noqa: RUF001
        (float("inf"), "number", "–", "–"),  # noqa: RUF001
    ],
)
def test_a_figure_reads_as_people_write_it(value: Figure, kind: Kind, full: str, short: str) -> None:
    fmt = NumberFormat(kind, "GBP")

    assert fmt.full(value) == full
    assert fmt.short(value) == short


def test_separators_are_those_of_the_language() -> None:
    with translation.override("de"):
        assert NumberFormat("currency").full(1234.5) == "€1.234,50"


def test_numbers_have_a_tag_and_a_filter() -> None:
    assert _rendered('{% number value "currency" currency="GBP" short=True %}', value=4.61e6) == "£4.61m"
    assert _rendered('{{ value|number:"integer" }}', value=14208) == "14,208"


@pytest.mark.parametrize("value", [9.999e28, 1.7e308, -5e-324, Decimal(10) ** 60 / 3])
def test_numbers_of_any_size_can_be_shown(value: float | Decimal) -> None:
    for kind in ("number", "integer", "currency", "percent"):
        assert _rendered("{% number value kind %}", value=value, kind=kind)
        assert _rendered("{% number value kind short=True %}", value=value, kind=kind)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (1e18, "1e+18"),
        (Decimal("12.340000"), "12.34"),
        (Decimal("1E+3"), "1000"),
        (1234567, "1234567"),
        (True, "True"),
        ("12.50", "12.50"),
        (None, "–"),  # noqa: RUF001
    ],
)
def test_a_value_of_a_row_has_no_digits_that_only_its_type_brings(value: object, text: str) -> None:
    assert ui.cell(value) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 rows"), (1, "1 row"), (1204, "1,204 rows")])
def test_a_count_takes_the_right_word(count: int, text: str) -> None:
    assert ui.plural(count, "row,rows") == text


@pytest.mark.parametrize(
    ("before", "after", "good", "css", "text"),
    [
        (46.75, 48.2, "up", "chip chip-ok", "up </span>3.1%"),
        (46.75, 48.2, "down", "chip chip-bad", "up </span>3.1%"),
        (48.2, 46.75, "", "chip", "down </span>3%"),
        (0, 5, "up", "chip chip-ok", "from zero"),
        (5, 5, "up", "chip", "No change"),
        (None, 5, "up", "chip", "–"),  # noqa: RUF001
        (-10, -5, "up", "chip chip-ok", "up </span>5"),
        (5, -10, "up", "chip chip-bad", "down </span>15"),
        (5, 0, "up", "chip chip-bad", "down </span>100%"),
    ],
)
def test_a_change_says_its_direction_in_words_too(
    before: float | None, after: float | None, good: str, css: str, text: str
) -> None:
    html = ui.delta(before, after, good)

    assert f'class="{css}"' in html
    assert text in html


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [(0.1, 0.125, "2.5"), (0.5, 0.4996, "0.04"), (0, 0.02, "2"), (1.2, 0.2, "100")],
)
def test_percentages_change_by_points(before: float, after: float, text: str) -> None:
    html = ui.delta(before, after, kind="percent")

    assert f'<span>{text} <abbr title="percentage points">pp</abbr></span>' in html


# -- Text ---------------------------------------------------------------------------------------------


def test_sql_of_dbt_is_coloured_and_escaped() -> None:
    html = highlight("select sum(x) from {{ ref('orders') }} where a < '<b>' -- note", "sql")

    assert '<span class="k">select</span>' in html
    assert '<span class="f">sum</span>' in html
    assert '<span class="f">ref</span>' in html
    assert '<span class="c">-- note</span>' in html
    assert "<b>" not in html


def test_keys_of_yaml_are_coloured() -> None:
    assert highlight("name: revenue # x", "yaml").startswith('<span class="t">name</span>')


@pytest.mark.parametrize("text", ["", "a", "a\n", "\n\na\r\nb", "a: |\n  b\n\n  c\n", "'open"])
@pytest.mark.parametrize("language", ["", "sql", "yaml"])
def test_colouring_changes_no_character(text: str, language: str) -> None:
    rows = lines(text, language)  # type: ignore[arg-type]

    again = "\n".join("".join(part for _css, part in row) for row in rows)
    assert again == text.removesuffix("\n")


def test_a_log_shows_its_end_and_says_how_much_comes_before() -> None:
    tail = log_lines.tail("\n".join(f"line {n}" for n in range(1, 701)))

    assert len(tail.lines) == 500
    assert tail.earlier == 200
    assert (tail.lines[0].number, tail.lines[0].text) == (201, "line 201")


def test_a_log_continues_its_numbers() -> None:
    tail = log_lines.tail("a\nb", first=601)

    assert [line.number for line in tail.lines] == [601, 602]
    assert tail.earlier == 600


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("1 of 14 PASS not_null_orders_id [\x1b[32mPASS\x1b[0m in 0.04s]", "ok"),
        ("2 of 14 FAIL 3 unique_orders_id", "bad"),
        ("Runtime error: no such table", "bad"),
        ("[\x1b[33mWARN\x1b[0m]: deprecated", "warn"),
        ("Done. PASS=13 WARN=0 ERROR=0 SKIP=0", ""),
        ("1 of 3 START sql view model main.error_log", ""),
    ],
)
def test_a_line_of_a_log_is_marked_by_what_it_says(text: str, tone: str) -> None:
    (line,) = log_lines.tail(text).lines

    assert line.tone == tone
    assert "\x1b" not in line.text
