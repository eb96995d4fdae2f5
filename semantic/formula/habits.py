"""Functions that people know from elsewhere, or will find here later, and what to do today."""

from __future__ import annotations

from collections.abc import Mapping

# Functions over metrics and time, for a later version.
LATER: Mapping[str, str] = {
    "CONVERSION": "a conversion metric",
}

# What people type from habit, and what takes its place here.
INSTEAD: Mapping[str, str] = {
    "VLOOKUP": "Use a field of the related model instead, for example customers.tier.",
    "HLOOKUP": "Use a field of the related model instead, for example customers.tier.",
    "XLOOKUP": "Use a field of the related model instead, for example customers.tier.",
    "LOOKUP": "Use a field of the related model instead, for example customers.tier.",
    "RELATED": "Use a field of the related model instead, for example customers.tier.",
    "INDEX": "Formulas have no cells. Name the field that holds the value.",
    "MATCH": "Formulas have no cells. Name the field that holds the value.",
    "OFFSET": "Formulas have no cells. Name the field that holds the value.",
    "INDIRECT": "Formulas have no cells. Name the field that holds the value.",
    "SUMPRODUCT": "Write SUM(a * b).",
    "SUMX": "Write SUM(a * b).",
    "SUMIFS": "Write SUM(amount) WHERE a = 1 AND b = 2.",
    "COUNTIFS": "Write COUNT(*) WHERE a = 1 AND b = 2.",
    "AVERAGEIFS": "Write AVERAGE(amount) WHERE a = 1 AND b = 2.",
    "MINIFS": "Write MIN(amount) WHERE a = 1 AND b = 2.",
    "MAXIFS": "Write MAX(amount) WHERE a = 1 AND b = 2.",
    "CALCULATE": "Write the total and its condition: SUM(amount) WHERE status = 'paid'.",
    "FILTER": "Write the total and its condition: SUM(amount) WHERE status = 'paid'.",
    "MOVINGAVERAGE": "Write ROLLING(AVERAGE(amount), 30 days).",
    "TOTALYTD": "Write TODATE(SUM(amount), year).",
    "TOTALQTD": "Write TODATE(SUM(amount), quarter).",
    "TOTALMTD": "Write TODATE(SUM(amount), month).",
    "SAMEPERIODLASTYEAR": "Write PRIOR(SUM(amount), 1 year).",
    "LAG": "Write PRIOR(SUM(amount), 1 month).",
    "ZN": "Write COALESCE(value, 0).",
    "COUNTBLANK": "Write COUNT(*) WHERE field IS BLANK.",
    "SUBTOTAL": "Write the total itself, for example SUM(amount).",
    "RANK": "Sort and limit the answer where the metric is used; a metric is one number.",
    "ROW_NUMBER": "Sort and limit the answer where the metric is used; a metric is one number.",
    "NOW": "Write TODAY(); formulas count in whole days.",
    "CURRENT_TIMESTAMP": "Write TODAY(); formulas count in whole days.",
    "GETDATE": "Write TODAY(); formulas count in whole days.",
    "EDATE": "Write date + 1 month.",
    "EOMONTH": "Write STARTOF(date + 1 month, month) - 1 day.",
    "DATEDIF": "Write DATEDIFF(from, to, month).",
    "DATE_DIFF": "Write DATEDIFF(from, to, day): the earlier date comes first.",
    "DATE_ADD": "Write date + 30 days.",
    "DATE_SUB": "Write date - 30 days.",
    "EXTRACT": "Write YEAR(date), QUARTER(date), MONTH(date) or DAY(date).",
    "CAST": "Formulas do not change the kind of a field; ask for its type to be fixed in dbt.",
    "TRY_CAST": "Formulas do not change the kind of a field; ask for its type to be fixed in dbt.",
    "CONVERT": "Formulas do not change the kind of a field; ask for its type to be fixed in dbt.",
    "VALUE": "Formulas do not change the kind of a field; ask for its type to be fixed in dbt.",
    "TO_NUMBER": "Formulas do not change the kind of a field; ask for its type to be fixed in dbt.",
    "TEXT": "Choose the format of the metric beside the formula instead.",
    "FORMAT": "Choose the format of the metric beside the formula instead.",
    "SEARCH": "Write CONTAINS(text, part).",
    "FIND": "Write CONTAINS(text, part).",
    "INSTR": "Write CONTAINS(text, part).",
}
