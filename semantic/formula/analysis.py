"""Everything about one formula text: its meaning, its problems, and how it reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

from semantic.definitions import ValueType, Vocabulary, name_key
from semantic.formula.errors import Fix, FormulaError, Place, Problem, replaced, source
from semantic.formula.levels import OF_ANOTHER_MODEL, refuse_more_than_rows, refuse_rows_as_result
from semantic.formula.lints import lint, lint_shares
from semantic.formula.messages import too_complex
from semantic.formula.names import Resolver
from semantic.formula.parser import parse
from semantic.formula.printer import print_formula
from semantic.formula.reach import check_filters, settle_models
from semantic.formula.sentence import print_sentence
from semantic.formula.tree import ColumnRef, MetricRef, Node, Total, walk
from semantic.formula.types import Checker
from semantic.formula.where import gather_where, push_where

# Errors about the end of the text, which goes on while somebody types there.
_AT_THE_END = {"empty", "unexpected-end", "missing-bracket", "unclosed-text", "unclosed-name"}


@dataclass(frozen=True)
class Analysis:
    """What a formula text means in one vocabulary.

    `tree` is resolved: no Name nodes, every Total knows its model, Where only ever wraps a Total or a
    MetricRef. It is None where there is an error, or where `incomplete` says that the author is still
    typing. `model` is the model to start from, chosen or inferred; `canonical` is the one spelling of
    this meaning, starting from that model.
    """

    text: str
    tree: Node | None
    problems: tuple[Problem, ...]
    canonical: str = ""
    reads_as: str = ""
    value_type: ValueType | None = None
    models: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    model: str = ""
    incomplete: bool = False

    @property
    def ok(self) -> bool:
        """Whether the formula has a meaning; there may be warnings."""
        return self.tree is not None

    @property
    def complaint(self) -> str:
        """The first error and what to do about it, in words; empty where there is none."""
        first = next((problem for problem in self.problems if problem.level == "error"), None)
        return " ".join(filter(None, (first.message, first.hint))) if first else ""


def analyse(text: str, vocabulary: Vocabulary, *, model: str = "", caret: int | None = None) -> Analysis:
    """The meaning of any text, or its first error, and all warnings; never raises FormulaError.

    `model` is the model that the author chose to start from. With `caret`, what is being typed there is
    unfinished rather than wrong.
    """
    analysis = _analysed(text, vocabulary, model)
    if caret is not None and not analysis.ok and _is_unfinished(text, analysis.problems[0], caret):
        return Analysis(text, None, (), model=model, incomplete=True)
    return analysis


def analyse_row(text: str, vocabulary: Vocabulary, *, model: str) -> Analysis:
    """The meaning of a value of each row of `model`, as `analyse` tells it of a total.

    Its tree holds no totals, no metrics, and no fields but those of the model.
    """
    return _analysed(text, vocabulary, model, rows=True)


def _of_rows(problem: Problem, text: str, model: str) -> Problem:
    """An error as it is told of a value of each row, in which no totals, metrics or other models occur."""
    if problem.code == "empty":
        return replace(problem, hint="Start with the name of a field, for example amount - discount.")
    if problem.code == "ambiguous-field":
        message = f"{model} has no field “{source(text, problem)}”; other models have one."
        return replace(problem, code="foreign-field", message=message, hint=OF_ANOTHER_MODEL, fixes=())
    return replace(problem, message=problem.message.replace("field or metric", "field"))


def _analysed(text: str, vocabulary: Vocabulary, model: str, *, rows: bool = False) -> Analysis:
    warnings: list[Problem] = []
    home = model
    written_out: set[tuple[int, int]] = set()
    try:
        _require_model(text, vocabulary, model)
        resolver = Resolver(text, parse(text), vocabulary, model)
        home, warnings, written_out = resolver.home, resolver.warnings, resolver.written_out
        resolved = resolver.resolve()
        # What a dimension computes cannot be put right in a formula that names it.
        found = lint(text, resolved, vocabulary)
        warnings += [one for one in found if (one.start, one.end) not in written_out]
        if rows:
            refuse_more_than_rows(text, resolved, model)
        result = Checker(text, vocabulary).check(resolved)
        if not rows:
            refuse_rows_as_result(text, result)
        tree = push_where(settle_models(text, result.node, vocabulary, home))
        check_filters(text, tree, vocabulary)
        canonical = _canonical(text, tree, vocabulary, home)
    except FormulaError as error:
        problem = _with_joined_name(text, error.problem, vocabulary)
        if (problem.start, problem.end) in written_out:
            problem = replace(problem, fixes=())
        if rows:
            problem = _of_rows(problem, text, model)
        return Analysis(text, None, (problem, *_ordered(warnings)), model=home)
    value_type = None if result.kind == "blank" else result.kind
    return Analysis(
        text,
        tree,
        _ordered([*warnings, *lint_shares(tree)]),
        canonical,
        print_sentence(tree, vocabulary),
        value_type,
        _models(tree),
        _metrics(tree),
        home,
    )


def _models(tree: Node) -> frozenset[str]:
    return frozenset(part.model for part in walk(tree) if isinstance(part, ColumnRef | Total))


def _metrics(tree: Node) -> frozenset[str]:
    return frozenset(part.metric for part in walk(tree) if isinstance(part, MetricRef))


def _canonical(text: str, tree: Node, vocabulary: Vocabulary, home: str) -> str:
    """The one spelling of this meaning; raises where it would be too long to be read again."""
    near = {home, *_models(tree)}
    named = (vocabulary.columns_by_key, vocabulary.computed_by_key)
    shadowed = {
        metric
        for metric in _metrics(tree)
        if any(near & set(fields.get(name_key(metric), {})) for fields in named)
    }
    canonical = print_formula(gather_where(tree), model=home, shadowed=shadowed)
    try:
        parse(canonical)
    except FormulaError:
        raise too_complex(Place(0, len(text))) from None
    return canonical


def _require_model(text: str, vocabulary: Vocabulary, model: str) -> None:
    if model and model not in vocabulary.models:
        message = f"There is no model “{model}” in this version of the project."
        hint = "Choose another model to start from."
        raise FormulaError("unknown-model", message, Place(0, len(text)), hint)


def _ordered(warnings: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(warnings, key=lambda problem: (problem.start, problem.code)))


def _with_joined_name(text: str, problem: Problem, vocabulary: Vocabulary) -> Problem:
    """Two words that are one name together (`net amount`) get the brackets that they need."""
    name = source(text, problem)
    key = name_key(name)
    names = (vocabulary.columns_by_key, vocabulary.metrics_by_key, vocabulary.computed_by_key)
    known = any(key in one for one in names)
    if problem.code != "missing-operator" or problem.fixes or not known:
        return problem
    fixes = (Fix(f"Write [{name}]", replaced(text, problem, f"[{name}]")),)
    return replace(problem, hint=f"A name with spaces stands in square brackets: [{name}].", fixes=fixes)


def _is_unfinished(text: str, problem: Problem, caret: int) -> bool:
    """Whether the error is about the very word, text or call that the author is typing."""
    caret = min(max(caret, 0), len(text))
    inside = problem.start < caret <= problem.end
    if problem.code in _AT_THE_END and not text[caret:].strip(") \t\r\n"):
        return True
    if problem.code in {"unclosed-text", "unclosed-name", "invalid-date"}:
        return inside
    if problem.code == "wrong-arguments":
        return inside and caret < problem.end
    if problem.code == "unexpected-token" and caret <= problem.start:
        return not text[caret : problem.start].strip()
    start, end = _word_at(text, caret)
    return start <= problem.end == end and (start <= problem.start or problem.code == "missing-operator")


def _word_at(text: str, caret: int) -> tuple[int, int]:
    start = end = caret
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_.["):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] in "_."):
        end += 1
    return start, end
