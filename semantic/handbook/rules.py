"""How a formula is written, in a few short sections with examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from semantic.formula import analyse
from semantic.handbook.shop import SHOP, START


@dataclass(frozen=True)
class Sample:
    """A formula that works, and how it reads."""

    formula: str

    @cached_property
    def reads_as(self) -> str:
        return analyse(self.formula, SHOP, model=START).reads_as


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to know; `signs` are the marks and words that it is about, and what each does."""

    slug: str
    title: str
    text: str
    samples: Sequence[Sample]
    signs: Sequence[tuple[str, str]] = ()

    @property
    def searched(self) -> str:
        """All that somebody may look for."""
        signs = (part for sign in self.signs for part in sign)
        return " ".join((self.title, self.text, *signs))


def _rule(slug: str, title: str, text: str, *formulas: str, signs: Sequence[tuple[str, str]] = ()) -> Rule:
    return Rule(slug, title, text, tuple(Sample(formula) for formula in formulas), signs)


RULES: Sequence[Rule] = (
    _rule(
        "totals",
        "One number out of many rows",
        "A metric is one number. Fields stand inside a total such as SUM or COUNT; totals and other metrics "
        "can then be added, subtracted, multiplied and divided.",
        "SUM(net_amount) - SUM(refund_amount)",
        "revenue / order_count",
    ),
    _rule(
        "where",
        "Only some of the rows",
        "WHERE stands behind what it limits, and limits all of it. To limit only one part of a calculation, "
        "put brackets around that part.",
        "SUM(net_amount) WHERE status = 'paid' AND NOT is_gift",
        "(COUNT(*) WHERE is_gift) / COUNT(*)",
    ),
    _rule(
        "operators",
        "Operators",
        "As in a spreadsheet, * and / come before + and -, and AND before OR; brackets change that.",
        "SUM((amount - discount) * quantity)",
        "COUNT(*) WHERE channel IN ('web', 'app') OR quantity BETWEEN 5 AND 10",
        signs=(
            ("+ - * / ^", "calculate; ^ is to the power of"),
            ("= <> < <= > >=", "compare; <> is not equal to"),
            ("AND OR NOT", "join and deny conditions"),
            ("IN (…) BETWEEN … AND …", "one of several values; a range with both ends"),
            ("&", "joins texts"),
        ),
    ),
    _rule(
        "periods",
        "Dates and periods",
        "A date is written as '2026-01-31'. Days, weeks, months, quarters and years can be added to dates. "
        "What depends on today is one number without a history; to see months, leave the dates out.",
        "COUNT(*) WHERE order_date >= '2026-01-01'",
        "COUNT(*) WHERE order_date IN LAST 3 COMPLETE MONTHS",
        "COUNT(*) WHERE delivered_at > order_date + 2 weeks",
        signs=(
            ("IN LAST 30 DAYS", "up to and including today"),
            ("IN LAST 3 COMPLETE MONTHS", "whole ones, without the month that is running"),
            ("IN THIS YEAR", "the one that is running"),
        ),
    ),
    _rule(
        "blanks",
        "Blanks",
        "A blank is neither 0 nor an empty text. Totals leave blanks out, calculations with a blank are "
        "blank, and no comparison with a blank holds, not even <>.",
        "COUNT(*) WHERE delivered_at IS BLANK",
        "COALESCE(SUM(refund_amount), 0)",
        "COUNT(*) WHERE channel <> 'web' OR channel IS BLANK",
    ),
    _rule(
        "division",
        "Division and percentages",
        "Dividing by 0 gives blank. A share is a number from 0 to 1: show it as percent instead of "
        "multiplying it by 100. In a formula 5% means 0.05.",
        "SUM(refund_amount) / SUM(net_amount)",
        "DIVIDE(SUM(refund_amount), SUM(net_amount), 0)",
        "SUM(net_amount) * 5%",
    ),
    _rule(
        "names",
        "Names, quotes and brackets",
        "Names of fields and metrics stand as they are, capital or small; with spaces in them, in square "
        "brackets. Texts stand in quotes. Where several models have a field, its model and a full stop come "
        "first; a metric that is called like a field has metric and a full stop before it.",
        "COUNT(DISTINCT [Promo code])",
        "SUM(amount) WHERE customers.country = 'DE'",
        "metric.discount / revenue",
        signs=(
            ("'paid'", "a text; an apostrophe in it is typed twice: 'it''s'"),
            ("[Promo code]", "a name with spaces"),
            ("customers.country", "a field of one model"),
            ("metric.discount", "the metric, not the field"),
        ),
    ),
)


def rules(text: str = "") -> list[Rule]:
    """The sections that hold every word of a search; all without one."""
    words = text.casefold().split()
    return [rule for rule in RULES if all(word in rule.searched.casefold() for word in words)]
