"""Decision tables: as people write them, as typed sets of values, and as the one `Case` that they mean.

The words are DMN's: a table has inputs and one output, a row has a cell for each input and an outcome, and
the hit policy says what holds where several rows match. Whatever the policy, the meaning is a `Case` in the
order of the rows: under `unique` and `any` the order makes no difference, or `boxes` finds where it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from semantic.definitions import Vocabulary, name_key
from semantic.formula.errors import Fix, FormulaError, Problem
from semantic.formula.names import Resolver
from semantic.formula.parser import parse
from semantic.formula.printer import print_formula, spell
from semantic.formula.sentence import print_sentence
from semantic.formula.tree import Binary, Case, ColumnRef, Literal_, Node, shape, walk
from semantic.formula.types import Checker
from semantic.rules.conditions import (
    NotOneFieldError,
    all_of,
    condition_of,
    conjuncts,
    field_of,
    joined,
    kind_of,
    values_of,
)
from semantic.rules.constants import constant_of, literal, read_number, read_yes_no, unsafe, write_constant
from semantic.rules.sets import Kind, Value, Values, everything
from semantic.rules.unary import CellError, read_cell, refuse_doubtful, write_cell

HitPolicy: TypeAlias = Literal["first", "unique", "any"]
Output: TypeAlias = Literal["text", "number", "boolean"]

MAX_INPUTS = 20
MAX_ROWS = 200
MAX_CELLS = 1_000
_GUESSES: tuple[Kind, ...] = ("number", "timestamp", "boolean", "text")

# Codes are stable, as those of formulas are; what is wrong with an input's formula has the formula's code.
CODES: Mapping[str, str] = {
    "no-inputs": "A table without a column to decide by.",
    "unnamed-column": "A column without a field.",
    "no-rows": "A table without rows.",
    "table-too-large": "More rows, columns or cells than Bisync checks.",
    "repeated-input": "Two columns for the same field.",
    "not-row-level": "An input that is no value of a single row.",
    "other-model": "An input that belongs to another model.",
    "row-length": "A row with more or fewer cells than the table has columns.",
    "cell-too-long": "A cell with more characters than Bisync accepts.",
    "unreadable-cell": "A cell that is no test.",
    "wrong-kind": "A value of another kind than its column.",
    "text-order": "Texts compared by size.",
    "empty-range": "A range that ends before it begins.",
    "empty-cell": "A cell that nothing fulfils.",
    "thousands-comma": "A number like 1,5 or 1.000, which different readers take for different numbers.",
    "unsafe-text": "Jinja marks, backslashes, control and hidden characters are refused.",
    "no-outcome": "A row that does not say what holds.",
    "wrong-outcome": "An outcome of another kind than the table's output.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row as written: one cell for each input, and what holds where all of them match."""

    cells: tuple[str, ...]
    outcome: str


@dataclass(frozen=True, slots=True)
class Table:
    """A decision table as written.

    `inputs` are formulas of one row, mostly the name of a column. `otherwise` is what holds where no row
    matches; with "" that is blank.
    """

    inputs: tuple[str, ...]
    rows: tuple[Row, ...]
    otherwise: str = ""
    hit_policy: HitPolicy = "first"
    output: Output = "text"


@dataclass(frozen=True, slots=True)
class CellProblem(Problem):
    """A problem of one cell, its message beginning with the place; 0 means: of no single row or column.

    Rows and columns count from 1; the column behind the last input is the outcome, the row behind the last
    is `otherwise`. `start`, `end` and the texts of the fixes are those of the cell alone.
    """

    row: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Input:
    """A column or row-level expression to decide by; `text` is its formula, `label` its words."""

    node: Node
    kind: Kind
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: the values of each input for which it matches, and what holds then (None is blank)."""

    cells: tuple[Values, ...]
    outcome: Value | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A table that has been understood."""

    inputs: tuple[Input, ...]
    rules: tuple[Rule, ...]
    otherwise: Value | None = None
    hit_policy: HitPolicy = "first"

    def decide(self, row: Sequence[Value | None]) -> tuple[int | None, Value | None]:
        """The first matching rule (from 0) and its outcome for the values of the inputs."""
        for at, rule in enumerate(self.rules):
            if all(cell.contains(value) for cell, value in zip(rule.cells, row, strict=True)):
                return at, rule.outcome
        return None, self.otherwise


@dataclass(frozen=True, slots=True)
class TableReading:
    """What a table means, or every problem that it has."""

    decision: Decision | None
    problems: tuple[CellProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Mixed:
    """Why a rule is not shown as a table: `message` is a sentence, `node` the part that is to blame."""

    message: str
    node: Node


# -- reading


def read_table(table: Table, vocabulary: Vocabulary, model: str) -> TableReading:
    """The meaning of a table about rows of `model`; never raises for what people wrote."""
    too_large = _size_problem(table)
    if too_large:
        return TableReading(None, (too_large,))
    reader = _Reader(table, vocabulary, model)
    decision = reader.read()
    return TableReading(None if reader.problems else decision, tuple(reader.problems))


def _size_problem(table: Table) -> CellProblem | None:
    rows, columns = len(table.rows), len(table.inputs)
    if rows <= MAX_ROWS and columns <= MAX_INPUTS and rows * columns <= MAX_CELLS:
        return None
    message = (
        f"This table has {rows:,} rows and {columns:,} columns; {MAX_ROWS} rows, {MAX_INPUTS} columns and "
        f"{MAX_CELLS:,} cells are the most."
    )
    hint = "Decide a part of it in a rule of its own, and use the outcome of that rule as a column here."
    return CellProblem("table-too-large", message, 0, 0, hint)


class _Reader:
    def __init__(self, table: Table, vocabulary: Vocabulary, model: str) -> None:
        self.table = table
        self.vocabulary = vocabulary
        self.model = model
        self.problems: list[CellProblem] = []
        self.columns: dict[Node, int] = {}  # field → the first column that decides by it

    def read(self) -> Decision | None:
        self._refuse_empty()
        inputs = [self._input(text, at) for at, text in enumerate(self.table.inputs, 1)]
        columns = [self._column(at, found) for at, found in enumerate(inputs, 1)]
        outcomes = [self._outcome(row.outcome, at) for at, row in enumerate(self.table.rows, 1)]
        otherwise = None
        if self.table.otherwise.strip():
            otherwise = self._outcome(self.table.otherwise, len(self.table.rows) + 1)
        if self.problems:
            self.problems.sort(key=lambda problem: (problem.row, problem.column))
            return None
        known = tuple(found for found in inputs if found)
        rows = zip(zip(*columns, strict=True), outcomes, strict=True)
        rules = tuple(Rule(cells, outcome) for cells, outcome in rows)
        return Decision(known, rules, otherwise, self.table.hit_policy)

    def _refuse_empty(self) -> None:
        if not self.table.inputs:
            self._problem("no-inputs", "This table decides by nothing.", "Add a column for a field.")
        if not self.table.rows:
            self._problem("no-rows", "This table has no rows.", "Add a row.")
        wanted = len(self.table.inputs)
        for at, row in enumerate(self.table.rows, 1):
            if len(row.cells) != wanted:
                message = f"Row {at} has {len(row.cells)} cells; the table has {wanted} columns."
                self._problem("row-length", message, "Give it one cell for each column; - means any.", row=at)

    def _problem(self, code: str, message: str, hint: str = "", *, row: int = 0, column: int = 0) -> None:
        self.problems.append(CellProblem(code, message, 0, 0, hint, row=row, column=column))

    # -- inputs

    def _input(self, text: str, column: int) -> Input | None:
        if not text.strip():
            message, hint = f"Column {column} has no field.", "Name the field that it decides by."
            self._problem("unnamed-column", message, hint, column=column)
            return None
        field = self.vocabulary.columns_by_key.get(name_key(text), {}).get(self.model)
        text = spell(field.name) if field else text  # whatever people call it, words and spaces included
        try:
            resolved = Resolver(text, parse(text), self.vocabulary, self.model).resolve()
            checked = Checker(text, self.vocabulary).check(resolved)
        except FormulaError as error:
            found = error.problem
            message = f"Column {column}: {found.message}"
            self.problems.append(
                CellProblem(
                    found.code, message, found.start, found.end, found.hint, found.fixes, column=column
                )
            )
            return None
        node = shape(checked.node)
        others = {part.model for part in walk(node) if isinstance(part, ColumnRef)} - {self.model}
        if checked.level != "row":
            message = f"Column {column}: “{text.strip()}” is not a value of a single row."
            self._problem(
                "not-row-level", message, "Write a field, or a calculation with fields.", column=column
            )
            return None
        if others:
            message = f"Column {column}: “{text.strip()}” belongs to {', '.join(sorted(others))}."
            hint = f"A rule about {self.model} decides by fields of {self.model}."
            self._problem("other-model", message, hint, column=column)
            return None
        earlier = self.columns.setdefault(node, column)
        if earlier != column:
            message = f"Column {column} decides by the same field as column {earlier}."
            self._problem("repeated-input", message, "Make one column of the two.", column=column)
        kind: Kind | None = None if checked.kind in {"any", "blank"} else checked.kind  # type: ignore[assignment]
        return input_of(node, kind or self._guessed(column), self.vocabulary, self.model)

    def _guessed(self, column: int) -> Kind:
        """The kind in which all cells of a column without a known type can be read."""
        cells = [row.cells[column - 1] for row in self.table.rows if column <= len(row.cells)]
        return next((kind for kind in _GUESSES if all(_is_readable(cell, kind) for cell in cells)), "text")

    # -- cells

    def _column(self, column: int, found: Input | None) -> list[Values]:
        if found is None:
            return []
        cells = (row.cells[column - 1] if column <= len(row.cells) else "" for row in self.table.rows)
        return [self._cell(cell, found, row, column) for row, cell in enumerate(cells, 1)]

    def _cell(self, text: str, found: Input, row: int, column: int) -> Values:
        try:
            return read_cell(text, found.kind)
        except CellError as error:
            message = f"Row {row}, {found.label}: {error}"
            fixes = (Fix(f"Write {error.instead}", error.instead),) if error.instead else ()
            self.problems.append(
                CellProblem(error.code, message, 0, len(text), error.hint, fixes, row=row, column=column)
            )
            return everything(found.kind)

    def _outcome(self, text: str, row: int) -> Value | None:
        column = len(self.table.inputs) + 1
        where = "Otherwise" if row > len(self.table.rows) else f"Row {row}"
        if not text.strip():
            message = f"{where}: there is no outcome."
            self._problem("no-outcome", message, "Write what holds then.", row=row, column=column)
            return None
        try:
            return read_outcome(text, self.table.output)
        except CellError as error:
            self._problem(error.code, f"{where}, outcome: {error}", error.hint, row=row, column=column)
            return None


def _is_readable(cell: str, kind: Kind) -> bool:
    try:
        read_cell(cell, kind)
    except CellError:
        return False
    return True


def input_of(node: Node, kind: Kind, vocabulary: Vocabulary, model: str) -> Input:
    """An input with its formula and its words."""
    label = print_sentence(node, vocabulary).removesuffix(".")
    return Input(node, kind, print_formula(node, model=model), label)


def read_outcome(text: str, output: Output) -> Value | None:
    """What a row says: a text (in quotes or without), a number, yes or no, or blank; raises CellError."""
    bare = text.strip()
    if bare.lower() == "blank":
        return None
    value: Value | None = bare
    if output == "number":
        refuse_doubtful(bare)
        value = read_number(bare)
    elif output == "boolean":
        value = read_yes_no(bare)
    elif len(bare) > 1 and bare[0] == bare[-1] == '"':
        value = bare[1:-1].replace('""', '"')
    if value is None:
        wanted = "a number, for example 5 or 15%" if output == "number" else "yes or no"
        raise CellError("wrong-outcome", f"“{bare}” is not {wanted.split(',')[0]}.", f"Write {wanted}.")
    reason = unsafe(value) if isinstance(value, str) else ""
    if reason:
        raise CellError("unsafe-text", f"“{value}” cannot be used.", reason)
    return value


def write_outcome(value: Value | None) -> str:
    """The spelling of an outcome that is read as the same again."""
    if value is None:
        return "blank"
    text = write_constant(value)
    quoted = isinstance(value, str) and (
        text != text.strip() or text[:1] in {"", '"'} or text.lower() == "blank"
    )
    return '"' + text.replace('"', '""') + '"' if quoted else text


# -- writing


def write_table(decision: Decision) -> Table:
    """The table with canonical cells; reading it gives the same decision again."""
    rows = tuple(
        Row(tuple(write_cell(cell) for cell in rule.cells), write_outcome(rule.outcome))
        for rule in decision.rules
    )
    otherwise = "" if decision.otherwise is None else write_outcome(decision.otherwise)
    inputs = tuple(found.text for found in decision.inputs)
    return Table(inputs, rows, otherwise, decision.hit_policy, output_of(decision))


def output_of(decision: Decision) -> Output:
    """The kind of the outcomes."""
    values = [decision.otherwise, *(rule.outcome for rule in decision.rules)]
    known = next((value for value in values if value is not None), "")
    return "boolean" if isinstance(known, bool) else "text" if isinstance(known, str) else "number"


# -- to and from the tree


def to_case(decision: Decision) -> Case:
    """The one meaning of a table: a branch for each row, in their order."""
    whens = tuple((rule_condition(decision, rule), literal(rule.outcome)) for rule in decision.rules)
    return Case(whens, None if decision.otherwise is None else literal(decision.otherwise))


def rule_condition(decision: Decision, rule: Rule) -> Node:
    """The condition of a row by itself; TRUE where all its cells are `-`."""
    tests = (condition_of(item.node, cell) for item, cell in zip(decision.inputs, rule.cells, strict=True))
    return all_of(test for test in tests if test is not None)


def to_table(case: Case, vocabulary: Vocabulary) -> Decision | Mixed:
    """The table of a checked rule, hit policy `first`; Mixed where a condition is more than tests of fields.

    Each condition has to join tests of single fields by AND. OR between fields becomes several rows with
    the same outcome where it stands outermost.
    """
    try:
        return _TableOf(case, vocabulary).decision()
    except NotOneFieldError as error:
        message = f"This rule cannot be shown as a table, because {error}."
        return Mixed(message, error.node)


class _TableOf:
    def __init__(self, case: Case, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        models = {part.model for part in walk(case) if isinstance(part, ColumnRef)}
        self.model = models.pop() if len(models) == 1 else ""
        self.otherwise = None if case.otherwise is None else _constant_outcome(case.otherwise)
        self.rows: list[tuple[dict[Node, Node], Value | None]] = []
        for condition, value in case.whens:
            outcome = _constant_outcome(value)
            self.rows += [(_by_field(part), outcome) for part in _alternatives(condition)]

    def decision(self) -> Decision:
        self._refuse_size()
        fields = list(dict.fromkeys(field for tests, _ in self.rows for field in tests))
        inputs = tuple(self._input(field) for field in fields)
        rules = tuple(
            Rule(tuple(self._cell(tests, found) for found in inputs), outcome) for tests, outcome in self.rows
        )
        return Decision(inputs, rules, self.otherwise)

    def _refuse_size(self) -> None:
        fields = {field for tests, _ in self.rows for field in tests}
        if len(fields) > MAX_INPUTS or len(self.rows) > MAX_ROWS or len(fields) * len(self.rows) > MAX_CELLS:
            message = f"it would have {len(self.rows)} rows and {len(fields)} columns"
            raise NotOneFieldError(message, Literal_(None))

    def _input(self, field: Node) -> Input:
        tests = [tests[field] for tests, _ in self.rows if field in tests]
        return input_of(field, kind_of(field, tests, self.vocabulary), self.vocabulary, self.model)

    def _cell(self, tests: Mapping[Node, Node], found: Input) -> Values:
        test = tests.get(found.node)
        if test is None:
            return everything(found.kind)
        values = values_of(test, found.node, found.kind)
        if values.is_empty:
            message = f"nothing fulfils “{print_formula(test, model=self.model)}”"
            raise NotOneFieldError(message, test)
        return values


def _constant_outcome(node: Node) -> Value | None:
    value = constant_of(node)
    if value is None and not isinstance(node, Literal_):
        raise NotOneFieldError("an outcome is calculated", node)
    return value


def _by_field(condition: Node) -> dict[Node, Node]:
    """Field → all that a condition asks of it."""
    found: dict[Node, list[Node]] = {}
    for part in conjuncts(condition):
        found.setdefault(field_of(part), []).append(part)
    return {field: all_of(parts) for field, parts in found.items()}


def _alternatives(condition: Node) -> Iterator[Node]:
    """The condition, or where its outermost OR joins several fields, what becomes a row each."""
    parts = list(_disjuncts(condition))
    grouped: dict[object, list[Node]] = {}
    for at, part in enumerate(parts):
        grouped.setdefault(_single_field(part) or at, []).append(part)
    yield from (joined("OR", group) or condition for group in grouped.values())


def _disjuncts(condition: Node) -> Iterable[Node]:
    if isinstance(condition, Binary) and condition.op == "OR":
        return (*_disjuncts(condition.left), *_disjuncts(condition.right))
    return (condition,)


def _single_field(condition: Node) -> Node | None:
    try:
        return field_of(condition)
    except NotOneFieldError:
        return None
