"""The formula language: what people write about a metric, checked against one version of a dbt project.

Nothing in this package knows Django, SQL or files. `analyse` answers every question about a text; `parse`
and the printers serve code that makes formulas itself.
"""

from __future__ import annotations

from semantic.formula.analysis import Analysis, analyse, analyse_row
from semantic.formula.errors import CODES, Fix, FormulaError, Problem
from semantic.formula.function import FunctionDoc
from semantic.formula.parser import parse
from semantic.formula.printer import print_formula
from semantic.formula.registry import TOTALS, functions
from semantic.formula.sentence import print_sentence
from semantic.formula.totalled import metric_models
from semantic.formula.where import conjuncts, gather_where, push_where

__all__ = [
    "CODES",
    "TOTALS",
    "Analysis",
    "Fix",
    "FormulaError",
    "FunctionDoc",
    "Problem",
    "analyse",
    "analyse_row",
    "conjuncts",
    "functions",
    "gather_where",
    "metric_models",
    "parse",
    "print_formula",
    "print_sentence",
    "push_where",
]
