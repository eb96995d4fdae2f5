"""Whether a project writes the keywords of its SQL in upper or in lower case."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from semantic.balances import Balance
from semantic.definitions import KeywordCase, Metric, Model

_NO_SQL = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|'(?:[^']|'')*'|\"[^\"]*\"", re.DOTALL)
_WORDS = (
    "select|from|where|join|case|when|then|else|end|and|or|not|null|is|in|between|like|true|false|cast|"
    "coalesce|nullif"
)
_LOWER, _UPPER = re.compile(rf"\b(?:{_WORDS})\b"), re.compile(rf"\b(?:{_WORDS.upper()})\b")


def keyword_case(texts: Iterable[str]) -> KeywordCase | None:
    """The case of most of these texts that have keywords; None where none has."""
    votes: Counter[KeywordCase] = Counter()
    for text in texts:
        sql = _NO_SQL.sub(" ", text)
        lower, upper = len(_LOWER.findall(sql)), len(_UPPER.findall(sql))
        if lower or upper:
            votes["upper" if upper > lower else "lower"] += 1
    return votes.most_common(1)[0][0] if votes else None


def project_case(models: Iterable[Model], metrics: Iterable[Metric], code: Iterable[str]) -> KeywordCase:
    """The case in which a project writes its semantic layer, or where that has no keywords, its models."""
    layer = [text for metric in metrics for text in (metric.expr, *metric.filters)]
    for semantic in filter(None, (model.semantic for model in models)):
        layer += [one.expr for one in semantic.dimensions]
        layer += [one.expr for one in semantic.measures if not isinstance(one, Balance)]
    return keyword_case(layer) or keyword_case(code) or "lower"
