"""What formulas must answer, reasoned from what they mean and not from what an engine says.

Seven sales with every awkward value: blanks, 0, negatives, halves, whole numbers beyond what a double holds, empty
text, spaces, umlauts, SQL's own wildcards, ends of months, a leap day, a last second of a day. Row 4 is blank
throughout; `id` picks single rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from semantic.definitions import Column, Dimension, Entity, Model, SemanticModel, ValueType, Vocabulary
from semantic.query.spec import QuerySpec

Answer: TypeAlias = int | float | None

COLUMNS: dict[str, tuple[str, ValueType]] = {
    "id": ("INTEGER", "integer"),
    "region_id": ("INTEGER", "integer"),
    "amount": ("DECIMAL(12, 2)", "number"),
    "rate": ("DOUBLE PRECISION", "number"),
    "quantity": ("INTEGER", "integer"),
    "big": ("BIGINT", "integer"),
    "name": ("TEXT", "text"),
    "sold_on": ("DATE", "date"),
    "sold_at": ("TIMESTAMP", "timestamp"),
    "due_on": ("DATE", "date"),
    "is_gift": ("BOOLEAN", "boolean"),
}
TABLES = f"""
CREATE TABLE sales ({", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())});
INSERT INTO sales VALUES
(1, 1, 10.00, 0.5, 2, 9007199254740993, 'paid', '2024-02-29', '2024-02-29 23:59:59', '2024-03-31', TRUE),
(2, 1, -7.50, 2.5, -3, 1, ' Paid ', '2024-01-31', '2024-01-31 00:00:00', '2024-02-29', FALSE),
(3, 2, 0.00, -2.5, 0, NULL, '', '2023-12-31', '2023-12-31 12:00:00', '2024-01-01', NULL),
(4, NULL, NULL, NULL, NULL, -5, NULL, NULL, NULL, NULL, NULL),
(5, 2, 2.50, 1.5, 5, 0, 'Übermut', '2024-03-30', '2024-03-30 08:30:00', NULL, FALSE),
(6, 3, 99.99, 0.1, 7, 9007199254740993, 'it''s 100%_off', '2025-01-01', '2025-01-01 00:00:00', '2024-12-31', TRUE),
(7, 1, -0.50, -0.5, 1, 3, 'paid', '2024-03-31', '2024-03-31 18:00:00', '2024-04-30', FALSE);
CREATE TABLE regions (region_id INTEGER, name TEXT);
INSERT INTO regions VALUES (1, 'EU'), (2, NULL);
CREATE TABLE days AS SELECT CAST(day AS DATE) AS date_day FROM generate_series(
    TIMESTAMP '2023-12-01', TIMESTAMP '2025-01-31', INTERVAL '1 day'
) AS numbered(day);
"""
RELATIONS = {"sales": "sales", "regions": "regions", "days": "days"}
# A Saturday whose month is longer than the one before; written where the SQL asks for the current date.
TODAY = date(2024, 3, 30)


def vocabulary() -> Vocabulary:
    """Sales belong to regions; what is dated is dated by the time of the sale."""
    sales = SemanticModel(
        name="sales",
        model="sales",
        entities=(Entity("sale", "primary", "id"), Entity("region", "foreign", "region_id")),
        dimensions=(
            Dimension("sold_at", "time", "sold_at", "day"),
            Dimension("sold_on", "time", "sold_on", "day"),
        ),
        agg_time_dimension="sold_at",
    )
    regions = SemanticModel(
        name="regions",
        model="regions",
        entities=(Entity("region", "primary", "region_id"),),
        dimensions=(Dimension("name", "categorical", "name"),),
    )
    columns = tuple(Column(name, kind) for name, (_, kind) in COLUMNS.items())
    own = (Column("region_id", "integer"), Column("name", "text"))
    models = (
        Model("sales", "model.shop.sales", columns, semantic=sales),
        Model("regions", "model.shop.regions", own, semantic=regions),
    )
    return Vocabulary(models={model.name: model for model in models}, metrics={}, time_spine="days.date_day")


@dataclass(frozen=True, slots=True)
class Case:
    """A formula, what it answers, and what one may get wrong about it."""

    formula: str
    answer: Answer
    remark: str = ""


TOTALS = (
    Case("SUM(amount)", 104.49),
    Case("SUM(quantity)", 12),
    Case("SUM(rate)", 1.6),
    Case("SUM(big)", 18014398509481985, "a double would lose the last digit, a whole number of 64 bits not"),
    Case("SUM(amount) WHERE id = 4", None, "the sum of blanks is blank, not 0"),
    Case("SUM(amount) WHERE id = 99", None, "the sum of nothing is blank, not 0"),
    Case("AVERAGE(amount)", 17.415, "blanks are left out: six rows, not seven"),
    Case("AVERAGE(quantity)", 2),
    Case("AVERAGE(quantity) WHERE id IN (1, 5)", 3.5, "the mean of whole numbers is no whole number"),
    Case("AVERAGE(quantity) WHERE id IN (1, 2, 3)", -1 / 3),
    Case("AVERAGE(amount) WHERE id = 4", None),
    Case("MIN(amount)", -7.5),
    Case("MAX(amount)", 99.99),
    Case("IF(MIN(name) = '', 1, 0)", 1, "empty text is a value"),
    Case("DATEDIFF(MIN(sold_on), MAX(sold_on))", 367),
    Case("IF(MAX(sold_at) = '2025-01-01', 1, 0)", 1),
    Case("MEDIAN(amount)", 1.25),
    Case("MEDIAN(quantity)", 1.5, "between two whole numbers"),
    Case("MEDIAN(amount) WHERE id IN (1, 6)", 54.995, "one decimal more than the column has"),
    Case("MEDIAN(amount) WHERE id = 4", None),
    Case("PERCENTILE(amount, 0.1)", -4),
    Case("PERCENTILE(rate, 0.9)", 2),
    Case("PERCENTILE(quantity, 0)", -3),
    Case("PERCENTILE(quantity, 1)", 7),
    Case("PERCENTILE(amount, 0.25) / MEDIAN(quantity)", -0.375 / 1.5),
    Case("COUNT(*)", 7),
    Case("COUNT(name)", 6, "empty text counts, blank does not"),
    Case("COUNT(amount) WHERE id = 4", 0, "there is a row, and it is blank"),
    Case("COUNT(*) WHERE id = 99", None, "counting no rows is blank, as MetricFlow has it"),
    Case("COUNT(DISTINCT name)", 5, "blank is no value of its own"),
    Case("COUNT(DISTINCT big)", 5),
    Case("COUNTDISTINCT(is_gift)", 2),
    Case("COUNT(DISTINCT amount) WHERE id = 4", 0),
    Case("SUMIF(amount, quantity > 0)", 111.99),
    Case("AVERAGEIF(amount, quantity > 0)", 27.9975),
    Case("MINIF(amount, quantity > 0)", -0.5),
    Case("MAXIF(amount, quantity <= 0)", 0),
    Case("COUNTIF(name = 'paid')", 2),
    Case("DISTINCTIF(name, quantity > 0)", 3),
    Case("(SUM(amount) WHERE is_gift) / SUM(amount)", 109.99 / 104.49),
    Case("(MEDIAN(amount) WHERE is_gift) - MEDIAN(amount)", 54.995 - 1.25),
    Case("SUM(sales.amount) / COUNT(regions.*)", 52.245, "two tables"),
    Case(
        "CONVERSION(COUNT(*) WHERE NOT is_gift, COUNT(DISTINCT IF(is_gift, id)), region, 60 days)",
        1 / 3,
        "of three rows that are no gift one was followed by a gift of its region",
    ),
)

CONDITIONS = (
    Case("COUNT(*) WHERE is_gift", 2),
    Case("COUNT(*) WHERE NOT is_gift", 3, "a blank is neither yes nor no"),
    Case("COUNT(*) WHERE is_gift = FALSE", 3),
    Case("COUNTIF(name <> 'paid')", 4, "a typed <> leaves blanks out"),
    Case("COUNTIF(NOT name = 'paid')", 4),
    Case("COUNTIF(name IN ('paid', ''))", 3),
    Case("COUNTIF(name NOT IN ('paid', ''))", 3),
    Case("COUNTIF(NOT name IN ('paid', ''))", 3),
    Case("COUNTIF(quantity IN (2, -3))", 2),
    Case("COUNTIF(amount BETWEEN -0.5 AND 10)", 4, "both ends belong to it"),
    Case("COUNTIF(amount NOT BETWEEN -0.5 AND 10)", 2),
    Case("COUNTIF(amount > 0)", 3),
    Case("COUNTIF(amount >= 2.5)", 3),
    Case("COUNTIF(amount < 0)", 2),
    Case("COUNTIF(amount <= 0)", 3),
    Case("COUNTIF(amount > 0 OR quantity < 0)", 4),
    Case("COUNTIF(is_gift AND amount > 50)", 1),
    Case("COUNTIF(AND(is_gift, quantity > 0, amount > 0))", 2),
    Case("COUNTIF(OR(is_gift, quantity = 0))", 3, "blank OR true is true"),
    Case("COUNTIF(NOT (is_gift OR amount > 0))", 2, "NOT of unknown is unknown"),
    Case("COUNTIF((amount > 0 OR quantity < 0) AND NOT is_gift)", 2),
    Case("SUM(IF(quantity > 0, amount, 0))", 111.99),
    Case("SUM(IF(is_gift, 1, 2))", 12, "blank is not fulfilled"),
    Case("COUNT(IF(is_gift, id))", 2, "without a second value: blank"),
    Case("COUNTIF(IFS(quantity > 4, 'big', quantity > 0, 'small', TRUE, 'none') = 'none' AND id = 4)", 1),
    Case("COUNT(DISTINCT IFS(quantity > 4, 'big', quantity > 0, 'small', TRUE, 'none'))", 3),
    Case("SUM(SWITCH(name, 'paid', 1, '', 2, 0))", 4),
    Case("SUM(IF(quantity > 0, IF(amount > 5, IF(is_gift, 100, 10), 1), 0))", 202),
    Case("COUNT(CASE WHEN quantity < 0 THEN 'minus' WHEN quantity = 0 THEN 'zero' END)", 2),
    Case("SUM(CASE WHEN amount IS BLANK THEN 1 WHEN amount < 0 THEN 2 ELSE 3 END)", 17),
    Case("IF(SUM(amount) > 100, 1, 0)", 1),
    Case("IF(SUM(amount) / (SUM(quantity) WHERE id = 3) > 1, 1, 0)", 0),
    Case("SUM(amount) WHERE regions.name = 'EU'", 2),
    Case("COUNTIF(regions.name IS BLANK)", 4, "no name, no region, and a region that is not there"),
    Case("COUNTIF(regions.name <> 'EU')", None),
)

BLANKS = (
    Case("COUNTIF(ISBLANK(name))", 1),
    Case("COUNTIF(name = '')", 1, "empty text is not blank"),
    Case("COUNTIF(name IS BLANK OR name = '')", 2),
    Case("COUNTIF(amount IS NOT BLANK)", 6),
    Case("COUNTIF(ISBLANK(amount / quantity))", 2, "divided by 0, and blank"),
    Case("SUM(COALESCE(amount, 1))", 105.49),
    Case("MAX(COALESCE(big, quantity)) WHERE id = 3", 0),
    Case("COUNTIF(COALESCE(name, 'none') = 'none' AND id = 4)", 1),
    Case("COUNTIF(COALESCE(name, 'none') = '' AND id = 3)", 1),
    Case("COALESCE(SUM(amount) WHERE id = 4, 0) + SUM(quantity)", 12),
    Case("(SUM(amount) WHERE id = 4) + SUM(quantity)", None),
    Case("COUNT(NULLIF(name, ''))", 5),
    Case("SUM(NULLIF(quantity, 7))", 5),
    Case("NULLIF(SUM(quantity), 12)", None),
    Case("SUM(amount + big)", 18014398509481985 + 5 + 104.49, "blank where one side is"),
)

NUMBERS = (
    Case("SUM(amount + quantity)", 116.49),
    Case("SUM(amount * quantity)", 754.43),
    Case("SUM(big + 1)", 18014398509481991),
    Case("SUM(-amount)", -104.49),
    Case("SUM(-(-quantity))", 12, "two signs are no comment"),
    Case("SUM(1 - -quantity)", 18),
    Case("SUM(quantity) - COUNT(*) - 1", 4),
    Case("SUM(quantity) - (COUNT(*) - 1)", 6),
    Case("(SUM(quantity) + 1) * 2", 26),
    Case("SUM(quantity) / (COUNT(*) / 2)", 24 / 7),
    Case("SUM(quantity) / COUNT(*) / 2", 6 / 7),
    Case("-SUM(quantity) ^ 2", -144),
    Case("SUM(quantity * 5%)", 0.6),
    Case("SUM(amount) * 5%", 5.2245),
    Case("SUM(quantity) / COUNT(*)", 12 / 7, "whole numbers divide exactly"),
    Case("MAX(quantity / 4) WHERE id = 5", 1.25),
    Case("MAX(1 / 3000000) * 3000000", 1, "no digit is cut off in between"),
    Case("SUM(1 / quantity)", 1 / 2 - 1 / 3 + 1 / 5 + 1 / 7 + 1, "1 / 0 is blank and left out"),
    Case("SUM(amount / quantity)", 5 + 2.5 + 0.5 + 99.99 / 7 - 0.5),
    Case("SUM(amount / quantity) WHERE id = 3", None),
    Case("SUM(rate / amount) WHERE id = 3", None),
    Case("SUM(amount) / (SUM(quantity) WHERE id = 3)", None, "divided by 0"),
    Case("SUM(amount) / (SUM(quantity) WHERE id = 4)", None, "divided by blank"),
    Case("DIVIDE(SUM(amount), COUNT(*))", 104.49 / 7),
    Case("DIVIDE(SUM(amount), SUM(quantity) WHERE id = 3, -1)", -1),
    Case("SUM(DIVIDE(1, quantity, 1))", 1 / 2 - 1 / 3 + 1 + 1 + 1 / 5 + 1 / 7 + 1),
    Case("SUM(ABS(amount))", 120.49),
    Case("MAX(ROUND(rate)) WHERE id = 2", 3, "2.5: halves go away from 0"),
    Case("MAX(ROUND(rate)) WHERE id = 3", -3, "-2.5"),
    Case("MAX(ROUND(rate)) WHERE id = 1", 1, "0.5"),
    Case("MAX(ROUND(rate)) WHERE id = 7", -1, "-0.5"),
    Case("MAX(ROUND(rate)) WHERE id = 5", 2, "1.5"),
    Case("MAX(ROUND(amount)) WHERE id = 2", -8, "-7.5"),
    Case("MAX(ROUND(quantity / 2)) WHERE id = 5", 3, "2.5"),
    Case("MAX(ROUND(amount, 1)) WHERE id = 6", 100),
    Case("MAX(ROUND(quantity, -1)) WHERE id = 5", 10),
    Case("MAX(ROUND(amount * 100, -2)) WHERE id = 2", -800),
    Case("ROUND(SUM(amount) / COUNT(*), 2)", 14.93),
    Case("MAX(ROUND(amount)) WHERE id = 4", None),
    Case("MAX(CEILING(amount)) WHERE id = 2", -7),
    Case("MAX(CEILING(amount)) WHERE id = 5", 3),
    Case("MAX(CEILING(rate)) WHERE id = 7", 0),
    Case("MAX(FLOOR(amount)) WHERE id = 2", -8),
    Case("MAX(FLOOR(rate)) WHERE id = 7", -1),
    Case("MAX(FLOOR(quantity / 2)) WHERE id = 2", -2),
    Case("SQRT(SUM(quantity) + 4)", 4),
    Case("SUM(SQRT(quantity))", 2**0.5 + 5**0.5 + 7**0.5 + 1, "no number has a negative square: blank"),
    Case("SUM(POWER(quantity, 2))", 88),
    Case("SUM(quantity ^ 2)", 88),
    Case("SUM(2 ^ quantity)", 167.125),
    Case("SUM(quantity ^ 0.5)", 2**0.5 + 5**0.5 + 7**0.5 + 1, "as the square root"),
    Case("SUM(quantity ^ -1)", 1 / 2 - 1 / 3 + 1 / 5 + 1 / 7 + 1, "as 1 divided by it"),
    Case("SUM(quantity ^ rate) WHERE id IN (2, 3, 4)", None, "(-3) ^ 2.5 and 0 ^ -2.5"),
    Case("MAX(quantity ^ 0) WHERE id = 3", 1),
    Case("MAX(MOD(quantity, 2)) WHERE id = 2", -1, "the sign of the number, not of the divisor"),
    Case("MAX(MOD(quantity, -2)) WHERE id = 5", 1),
    Case("MAX(MOD(rate, 2)) WHERE id = 2", 0.5),
    Case("MAX(MOD(rate, 0.1)) WHERE id = 2", 0, "in decimals; in doubles 0.0999…"),
    Case("MAX(MOD(amount, 3)) WHERE id = 2", -1.5),
    Case("MAX(MOD(FLOOR(rate), 2)) WHERE id = 5", 1),
    Case("MOD(SUM(quantity), 5)", 2),
    Case("MAX(MOD(5, quantity)) WHERE id = 3", None),
    Case("MAX(MOD(big, 10)) WHERE id = 1", 3, "the last digit"),
    Case("COUNTIF(MOD(quantity, 2) = 0)", 2),
    Case("SUM(GREATEST(amount, 0))", 112.49, "blank, not 0, for the blank row"),
    Case("SUM(LEAST(amount, 1))", -5),
    Case("MAX(GREATEST(amount, 0)) WHERE id = 4", None),
    Case("MAX(GREATEST(amount, big)) WHERE id = 3", None),
    Case("MAX(GREATEST(quantity, 1, rate)) WHERE id = 2", 2.5),
    Case("COUNTIF(LEAST(sold_on, due_on) = '2024-12-31' AND id = 6)", 1),
    Case("COUNTIF(GREATEST(sold_on, due_on) IS BLANK AND id = 5)", 1),
    Case("LEAST(SUM(amount), SUM(quantity), SUM(rate) WHERE id = 4)", None),
)

TEXTS = (
    Case("COUNTIF(CONTAINS(name, 'aid'))", 3),
    Case("COUNTIF(CONTAINS(name, '%'))", 1, "a percent sign is no pattern"),
    Case("COUNTIF(CONTAINS(name, 'PAID'))", None, "capitals matter"),
    Case("COUNTIF(STARTSWITH(name, 'pa'))", 2),
    Case("COUNTIF(STARTSWITH(name, 'it_s'))", None, "an underscore is no pattern"),
    Case("COUNTIF(NOT STARTSWITH(name, 'pa'))", 4),
    Case("COUNTIF(ENDSWITH(name, '%_off'))", 1),
    Case("COUNTIF(ENDSWITH(name, 'id'))", 2, "not where a space follows"),
    Case("COUNTIF(name = 'it''s 100%_off')", 1),
    Case("COUNTIF(name = 'Paid')", None, "spaces matter"),
    Case("COUNTIF(UPPER(name) = 'ÜBERMUT' AND id = 5)", 1),
    Case("COUNTIF(LOWER(name) = 'übermut' AND id = 5)", 1),
    Case("COUNTIF(TRIM(name) = 'Paid' AND id = 2)", 1),
    Case("COUNTIF(TRIM(name) = '')", 1),
    Case("MAX(LEN(name)) WHERE id = 5", 7, "characters, not bytes"),
    Case("MAX(LEN(name)) WHERE id = 2", 6),
    Case("MAX(LEN(name)) WHERE id = 3", 0),
    Case("MAX(LEN(name)) WHERE id = 4", None),
    Case("COUNTIF(LEFT(name, 2) = 'Üb' AND id = 5)", 1),
    Case("COUNTIF(LEFT(name, 99) = 'paid' AND id = 1)", 1),
    Case("COUNTIF(RIGHT(name, 3) = 'off' AND id = 6)", 1),
    Case("COUNTIF(RIGHT(name, LEN(name) - 1) = 'aid' AND id = 1)", 1),
    Case("COUNTIF(RIGHT(name, LEN(name) - 5) = '' AND id = 1)", 1, "fewer than none is none"),
    Case("COUNTIF(LEFT(name, quantity) = '' AND id = 2)", 1, "-3 characters"),
    Case("COUNTIF(LEFT(name, -1) = '')", 6),
    Case("COUNTIF(LEFT('abc', quantity) IS BLANK)", 1),
    Case("COUNTIF(name & '!' = '!' AND id = 4)", 1, "a blank is empty text"),
    Case("COUNTIF(name & quantity = 'paid2' AND id = 1)", 1),
    Case("COUNTIF(CONCAT(name, '-', quantity) = '-0' AND id = 3)", 1),
    Case("COUNTIF('' & sold_on = '2024-02-29' AND id = 1)", 1),
    Case("COUNTIF('' & amount = '10' AND id = 1)", 1, "a number as short as it can be"),
    Case("COUNTIF('' & amount = '-7.5' AND id = 2)", 1),
    Case("COUNTIF('' & rate * 4 = '10' AND id = 2)", 1, "a double as well"),
    Case("COUNTIF('' & sold_at = '2024-02-29 23:59:59' AND id = 1)", 1),
    Case("COUNTIF('' & FLOOR(rate) = '2' AND id = 2)", 1, "a whole number is written as one"),
    Case("COUNTIF('' & YEAR(sold_on) = '2024')", 4),
    Case("COUNTIF('' & is_gift = 'true' AND id = 1)", 1),
    Case("COUNTIF('' & is_gift = '' AND id = 4)", 1),
    Case("COUNT(DISTINCT name & quantity)", 7),
    Case("COUNTIF(UPPER(TRIM(name)) = 'PAID')", 3),
)

DATES = (
    Case("SUM(YEAR(sold_on))", 12144),
    Case("MAX(QUARTER(sold_on)) WHERE id = 3", 4),
    Case("MAX(MONTH(sold_at)) WHERE id = 6", 1),
    Case("MAX(DAY(sold_at)) WHERE id = 1", 29),
    Case("MAX(DAY(sold_on)) WHERE id = 4", None),
    Case("COUNTIF(sold_on >= DATE(2024, 2, 29))", 4),
    Case("COUNTIF(sold_on < '2024-01-31')", 1),
    Case("COUNTIF(sold_at = '2024-01-31')", 1, "a day beside a time is its first moment"),
    Case("COUNTIF(sold_at > '2024-02-29')", 4),
    Case("COUNTIF(sold_at <= DATE '2024-02-29')", 2, "23:59:59 is later"),
    Case("COUNTIF(sold_at = sold_on)", 2),
    Case("COUNTIF(sold_on BETWEEN '2024-01-31' AND '2024-02-29')", 2),
    Case("COUNTIF(sold_at BETWEEN '2024-01-31' AND '2024-02-29')", 1),
    Case("COUNTIF(sold_on IN ('2024-02-29', '2025-01-01'))", 2),
    Case("COUNTIF(sold_at IN ('2024-02-29', '2025-01-01'))", 1),
    Case("COUNTIF(DATEADD(sold_on, 1, month) = '2024-02-29' AND id = 2)", 1, "there is no 31 February"),
    Case("COUNTIF(DATEADD(sold_on, 1, year) = '2025-02-28' AND id = 1)", 1, "a leap day"),
    Case("COUNTIF(DATEADD(sold_on, -1, month) = '2024-02-29' AND id = 7)", 1),
    Case("COUNTIF(sold_on + 1 month = '2024-03-29' AND id = 1)", 1, "the end of a month does not stick"),
    Case("COUNTIF(sold_on - 1 month = '2024-02-29' AND id = 7)", 1),
    Case("COUNTIF(sold_on + 1 quarter = '2024-03-31' AND id = 3)", 1),
    Case("COUNTIF(sold_on + 2 weeks = '2025-01-15' AND id = 6)", 1),
    Case("COUNTIF(sold_on + 1 = '2024-01-01' AND id = 3)", 1),
    Case("COUNTIF(sold_on - quantity = '2024-02-27' AND id = 1)", 1),
    Case("COUNTIF(DATEADD(sold_on, quantity, month) = '2024-04-29' AND id = 1)", 1),
    Case("COUNTIF(DATEADD(sold_on, quantity, quarter) = '2023-04-30' AND id = 2)", 1),
    Case("COUNTIF(DATEADD(sold_on, quantity - 1, week) = '2025-02-12' AND id = 6)", 1),
    Case("COUNTIF(DATEADD(sold_on, FLOOR(rate), day) = '2024-02-02' AND id = 2)", 1),
    Case("COUNTIF(DATEADD(sold_on, quantity, year) IS BLANK AND id = 4)", 1),
    Case(
        "COUNTIF(sold_at + 1 day > '2024-03-01' AND sold_at + 1 day < '2024-03-02')",
        1,
        "the time of day stays",
    ),
    Case("COUNTIF(sold_at - 1 month > '2024-02-29' AND sold_at - 1 month < '2024-03-01')", 2),
    Case("COUNTIF(DATEADD(sold_at, quantity, day) > '2024-03-02' AND id = 1)", 1),
    Case("COUNTIF(DATEADD(sold_at, quantity, quarter) > '2024-06-30' AND id = 7)", 1),
    Case("SUM(DATEDIFF(sold_on, due_on))", 90),
    Case("MAX(due_on - sold_on) WHERE id = 2", 29),
    Case("MAX(DATEDIFF(sold_at, due_on, day)) WHERE id = 1", 31, "a second before midnight is a day"),
    Case("MAX(DATEDIFF(sold_on, due_on)) WHERE id = 6", -1),
    Case("MAX(DATEDIFF(sold_on, due_on)) WHERE id = 5", None),
    Case("MAX(DATEDIFF(sold_on, due_on, week)) WHERE id = 3", 1, "from Sunday to Monday"),
    Case("MAX(DATEDIFF(due_on, sold_on, week)) WHERE id = 3", -1),
    Case("MAX(DATEDIFF(sold_at, due_on, week)) WHERE id = 2", 4),
    Case("MAX(DATEDIFF(sold_on, due_on, month)) WHERE id = 1", 1),
    Case("MAX(DATEDIFF(sold_at, due_on, quarter)) WHERE id = 3", 1),
    Case("MAX(DATEDIFF(sold_on, due_on, year)) WHERE id = 3", 1, "one day, and another year"),
    Case("MAX(DATEDIFF(sold_on, due_on, year)) WHERE id = 6", -1),
    Case("COUNTIF(STARTOF(sold_at, day) = '2024-02-29' AND id = 1)", 1),
    Case("COUNTIF(STARTOF(sold_on, week) = '2024-03-25' AND id = 5)", 1, "weeks begin on Monday"),
    Case("COUNTIF(STARTOF(sold_on, week) = '2023-12-25' AND id = 3)", 1, "and end on Sunday"),
    Case("COUNTIF(STARTOF(sold_at, month) = '2024-02-01' AND id = 1)", 1),
    Case("COUNTIF(STARTOF(sold_on, quarter) = '2024-01-01' AND id = 7)", 1),
    Case("COUNTIF(STARTOF(sold_on, year) = '2023-01-01' AND id = 3)", 1),
    Case("COUNTIF(STARTOF(sold_on, month) = '2024-03-01')", 2),
)

BESIDE_TODAY = (
    Case("COUNTIF(TODAY() = '2024-03-30')", 7),
    Case("COUNTIF(sold_on = TODAY())", 1),
    Case("COUNTIF(sold_on >= TODAY() - 30 days)", 4),
    Case("COUNTIF(sold_at < TODAY())", 3),
    Case("MAX(DATEDIFF(sold_on, TODAY())) WHERE id = 1", 30),
    Case("COUNT(*) WHERE sold_on IN LAST 1 DAY", 1, "today"),
    Case("COUNT(*) WHERE sold_on IN LAST 30 DAYS", 1, "from 1 March, today included"),
    Case("COUNT(*) WHERE sold_at IN LAST 31 DAYS", 2),
    Case("COUNT(*) WHERE sold_on IN LAST 1 MONTH", 2, "from 29 February, as there is no 31"),
    Case("COUNT(*) WHERE sold_at IN LAST 3 MONTHS", 4),
    Case("COUNT(*) WHERE sold_on IN LAST 1 COMPLETE WEEK", None),
    Case("COUNT(*) WHERE sold_on IN LAST 2 COMPLETE MONTHS", 2),
    Case("COUNT(*) WHERE sold_at IN LAST 1 COMPLETE QUARTER", 1),
    Case("COUNT(*) WHERE sold_on IN LAST 1 COMPLETE YEAR", 1),
    Case("COUNT(*) WHERE sold_at IN THIS WEEK", 2),
    Case("COUNT(*) WHERE sold_on IN THIS MONTH", 2),
    Case("COUNT(*) WHERE sold_at IN THIS QUARTER", 4),
    Case("COUNT(*) WHERE sold_on IN THIS YEAR", 4),
    Case("COUNT(*) WHERE NOT due_on IN THIS YEAR", None, "all that are due are due this year"),
)

CASES = (*TOTALS, *CONDITIONS, *BLANKS, *NUMBERS, *TEXTS, *DATES, *BESIDE_TODAY)


@dataclass(frozen=True, slots=True)
class Question:
    """A formula by period, or between two days; rows without a date belong to none."""

    formula: str
    spec: QuerySpec
    answers: dict[date | None, Answer]
    time: str = "sold_at"


_LAST_DAYS = QuerySpec(grain="day", start=date(2024, 3, 30), end=date(2024, 3, 31))
_FEBRUARY = {"start": date(2024, 1, 31), "end": date(2024, 2, 29)}
QUESTIONS = (
    Question(
        "SUM(quantity)",
        QuerySpec(grain="week"),
        {
            date(2023, 12, 25): 0,
            date(2024, 1, 29): -3,
            date(2024, 2, 26): 2,
            date(2024, 3, 25): 6,
            date(2024, 12, 30): 7,
        },
    ),
    Question(
        "SUM(amount) / COUNT(*)",
        QuerySpec(grain="quarter"),
        {date(2023, 10, 1): 0, date(2024, 1, 1): 1.125, date(2025, 1, 1): 99.99},
        time="sold_on",
    ),
    Question(
        "(COUNT(DISTINCT name) WHERE is_gift) / COUNT(*)",
        QuerySpec(grain="year"),
        {date(2023, 1, 1): None, date(2024, 1, 1): 0.25, date(2025, 1, 1): 1},
    ),
    Question("SUM(quantity)", QuerySpec(**_FEBRUARY), {None: -1}),
    Question("SUM(quantity)", QuerySpec(**_FEBRUARY), {None: -1}, time="sold_on"),
    Question(
        "SUM(quantity)",
        QuerySpec(grain="month", **_FEBRUARY),
        {date(2024, 1, 1): -3, date(2024, 2, 1): 2},
    ),
    Question("CUMULATIVE(SUM(quantity))", _LAST_DAYS, {date(2024, 3, 30): 4, date(2024, 3, 31): 5}),
    Question("TODATE(SUM(quantity), month)", _LAST_DAYS, {date(2024, 3, 30): 5, date(2024, 3, 31): 6}),
    # Two months before 30 March is 30 January, and before 31 March the 31st, which is not in it any more.
    Question("ROLLING(SUM(quantity), 2 months)", _LAST_DAYS, {date(2024, 3, 30): 4, date(2024, 3, 31): 8}),
    Question(
        "SUM(quantity) - PRIOR(SUM(quantity), 1 quarter)",
        QuerySpec(grain="quarter"),
        {date(2023, 10, 1): None, date(2024, 1, 1): 5, date(2024, 4, 1): None, date(2025, 1, 1): None},
    ),
)
