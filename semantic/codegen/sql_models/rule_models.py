"""A business rule as dbt models: its CASE, its key and inputs, its examples as unit tests.

Where a rule decides by columns of its model, one model is enough: it reads that model, and the unit test
hands it rows of it. Where it decides by calculations (days since the last order), an example says what the
calculation gives and not from which columns, so there are two: `int_<rule>_inputs` calculates, the rule's
model decides by its columns, and the unit test hands it rows of the first. That also keeps examples true on
every day, however the inputs depend on today. One model with a common table would look the same to whoever
reads its result, but dbt's unit tests cannot reach into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any, TypeVar

from sqlglot import exp

from semantic.codegen.entries import Entry, Refused, plain_name
from semantic.codegen.sql_models.folders import layer_of, prefix_of, shared_prefix
from semantic.codegen.sql_models.jinja import RelationCall
from semantic.codegen.sql_models.new_model import (
    ColumnWords,
    NewModel,
    Project,
    WrittenModels,
    accepted_values,
    key_tests,
    selected,
    unit_test,
    written,
)
from semantic.codegen.sql_models.rule_semantics import rule_semantics
from semantic.codegen.sql_models.writing import (
    TYPES,
    Projection,
    Selection,
    column_name,
    projection_lines,
    word,
)
from semantic.definitions import Column, Dimension, Model, SemanticModel, Vocabulary
from semantic.formula.tree import Call, Case, ColumnRef, InPeriod, Literal_, Node, shape, transform, walk
from semantic.query.expressions import Writer, portable, value_type
from semantic.rules.boxes import check_table
from semantic.rules.constants import constant_of, literal
from semantic.rules.examples import Example
from semantic.rules.sets import Kind, Value
from semantic.rules.tables import Decision, Input, Mixed, input_of, to_case, to_table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands that is there already: the paths of its model and of that of its inputs, if it has
    one; `columns` are those of its model, in their order."""

    model: str
    inputs: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BusinessRule:
    """A rule about the rows of `model`, as a table or as what a sentence means.

    `name` is that of its column, and of its model behind the prefix of the layer. The values of `examples`
    are those of `rule_inputs`, in that order; `input_names` may name the columns of calculated ones. `own` is
    what Bisync keeps in the model's `meta`. A rule that is there stays at its `place`.
    """

    name: str
    model: str
    meaning: Decision | Case
    description: str = ""
    column_description: str = ""
    examples: tuple[Example, ...] = ()
    key: tuple[str, ...] = ()
    input_names: tuple[str, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict)
    place: Place | None = None


def rule_inputs(meaning: Decision | Case, vocabulary: Vocabulary, model: str) -> tuple[Input, ...]:
    """What a rule decides by: the columns of its table; where it is none, each column that it names."""
    if isinstance(meaning, Decision):
        return meaning.inputs
    table = to_table(meaning, vocabulary)
    if not isinstance(table, Mixed):
        return table.inputs
    columns = dict.fromkeys(shape(part) for part in walk(meaning) if isinstance(part, ColumnRef))
    return tuple(input_of(node, _kind(node, vocabulary), vocabulary, model) for node in columns)


def input_columns(
    name: str, inputs: Sequence[Input], key: Sequence[str], wanted: Sequence[str] = ()
) -> dict[str, Input]:
    """Name of a column → the input that it holds, no two alike; `name` is that of the rule's own column."""
    columns: dict[str, Input] = {}
    plain = {item.node.column.lower() for item in inputs if isinstance(item.node, ColumnRef)}
    taken = {name, *plain, *(part.lower() for part in key)}
    called = dict(zip(inputs, wanted, strict=False))
    for item in inputs:
        calculated = _free(called.get(item) or item.label, taken)
        column = item.node.column if isinstance(item.node, ColumnRef) else calculated
        columns[column] = item
        taken.add(column.lower())
    if name.lower() in {*plain, *(part.lower() for part in key)}:
        raise Refused(f"The rule reads a column {name} itself. Choose another name for it.")
    return columns


def _kind(node: Node, vocabulary: Vocabulary) -> Kind:
    found = value_type(node, vocabulary)
    return "text" if found == "any" else found


def over_columns(
    case: Node, columns: Mapping[str, Input], vocabulary: Vocabulary, model: str
) -> tuple[Vocabulary, Node]:
    """A rule over the columns of a model that hold its inputs, and what is known of that model."""
    swapped: dict[Node, Node] = {}

    def swap(part: Node) -> Node:
        return swapped.get(part, part)

    # Calculations from the smallest up, so that each is found with the parts of it already swapped.
    ordered = sorted(columns.items(), key=lambda item: sum(1 for _ in walk(item[1].node)))
    for name, item in ordered:
        swapped[transform(shape(item.node), swap)] = ColumnRef(model, name)
    held = tuple(Column(name, item.kind, item.label) for name, item in columns.items())
    models = {**vocabulary.models, model: Model(model, "", held)}
    return replace(vocabulary, models=models), transform(case, swap)


def rule_models(rule: BusinessRule, vocabulary: Vocabulary, project: Project) -> WrittenModels:
    """The models of a rule. Raises Refused where its model has no key, or a name is taken."""
    return _Rule(rule, vocabulary, project).written()


class _Rule:
    def __init__(self, rule: BusinessRule, vocabulary: Vocabulary, project: Project) -> None:
        self.rule = rule
        self.project = project
        self.vocabulary = vocabulary
        self.model = vocabulary.models[rule.model]
        self.case = shape(rule.meaning if isinstance(rule.meaning, Case) else to_case(rule.meaning))
        self.inputs = rule_inputs(rule.meaning, vocabulary, rule.model)
        known = vocabulary.keys.get(rule.model, "")
        self.key = rule.key or ((known,) if known else ())
        if not self.key:
            raise Refused(
                f"Nobody knows what makes a row of {rule.model} the only one of its kind. Give the model a"
                " key first: a column with the tests unique and not_null."
            )
        self.columns = input_columns(rule.name, self.inputs, self.key, rule.input_names)

    def written(self) -> WrittenModels:
        read = self._relation_name()
        models = [self._inputs_model(read)] if read != self.model.name else []
        rule, notes = self._rule_model(read)
        return written([*models, rule], self.project, notes=notes)

    def _relation_name(self) -> str:
        """The model that the rule reads: its own, or a new one that calculates its inputs."""
        if self.rule.place is not None and self.rule.place.inputs:
            return PurePosixPath(self.rule.place.inputs).stem
        if all(isinstance(item.node, ColumnRef) for item in self.inputs):
            return self.model.name
        layer = self.project.style.places.layer("intermediate")
        shared = shared_prefix(self._inputs_folder(), self.project.files) if layer else ""
        usual = shared or (layer.prefixes[0] if layer and layer.prefixes else "int")
        return f"{usual}_{self.rule.name}_inputs" if usual else f"{self.rule.name}_inputs"

    # -- the models

    def _inputs_model(self, name: str) -> NewModel:
        columns = [Projection(part, self._column(part)) for part in self.key]
        columns += [
            Projection(column, self._sql(item.node, self.vocabulary))
            for column, item in self._ordered(self.columns).items()
            if column not in self.key
        ]
        selection = Selection(RelationCall("ref", self.model.name), tuple(columns))
        return NewModel(
            name,
            self._inputs_folder(),
            selected(name, self._inputs_folder(), selection, self.project),
            f"What the rule {self.rule.name} decides by, for each row of {self.model.name}.",
            self._words(),
            reads=(selection.relation,),
        )

    def _rule_model(self, read: str) -> tuple[NewModel, tuple[str, ...]]:
        """The model that decides by the columns of what it reads, and what to know of it."""
        name, folder = self._place()
        vocabulary, case = self._over(read)
        relation = RelationCall("ref", read)
        kept = self._ordered(dict.fromkeys((*self.key, *self.columns)))
        columns = [Projection(column, self._column(column)) for column in kept]
        columns.append(Projection(self.rule.name, self._sql(case, vocabulary)))
        sql = selected(name, folder, Selection(relation, tuple(columns)), self.project)
        output = ColumnWords(self.rule.name, self.rule.column_description, self._output_tests())
        tests, notes = self._examples(name, relation)
        words = (*self._words(), output)
        new = NewModel(name, folder, sql, self.rule.description, words, tests, self.rule.own, (relation,))
        return replace(new, semantic=self._semantics(new)), notes

    def _semantics(self, new: NewModel) -> SemanticModel | None:
        """What the semantic layer gets to know of a new rule; of one that is there, what it says stays."""
        if self.rule.place is not None:
            return None
        file = self.project.style.places.properties_file(new.path, self.project.files)
        model = Model(new.name, f"model.{new.name}", file=file)
        label = str(self.rule.own.get("label") or "")
        outcome = Dimension(self.rule.name, "categorical", self.rule.name, label=label)
        return rule_semantics(model, self.model, self.key, outcome, self.vocabulary, self.project.dialect)

    def _ordered(self, columns: dict[str, T]) -> dict[str, T]:
        """The columns that are there already in the order in which they are, then the new ones."""
        there = self.rule.place.columns if self.rule.place is not None else ()
        places = {name: at for at, name in enumerate(there)}
        return dict(sorted(columns.items(), key=lambda pair: places.get(pair[0], len(places))))

    def _inputs_folder(self) -> str:
        if self.rule.place is not None and self.rule.place.inputs:
            return str(PurePosixPath(self.rule.place.inputs).parent)
        beside = self.project.sql_file(self.model)
        return self.project.style.places.folder_for("intermediate", beside, self.project.files)

    def _place(self) -> tuple[str, str]:
        """The name and folder of the rule's model: as they are, beside its model, or among the marts."""
        if self.rule.place is not None:
            there = PurePosixPath(self.rule.place.model)
            return there.stem, str(there.parent)
        beside = self.project.sql_file(self.model)
        places, layer = self.project.style.places, layer_of(beside)
        if layer in {"staging", "intermediate"}:
            marts = places.layer("marts")
            folder = places.folder_for("marts", beside, self.project.files)
            prefix = marts.prefixes[0] if marts and marts.prefixes else ""
        else:
            folder, prefix = str(PurePosixPath(beside).parent), prefix_of(self.model.name)
        prefix = shared_prefix(folder, self.project.files) or prefix
        named = self.rule.name.startswith(f"{prefix}_")
        return (f"{prefix}_{self.rule.name}" if prefix and not named else self.rule.name), folder

    def _over(self, model: str) -> tuple[Vocabulary, Node]:
        """The rule's CASE over the columns of what it reads, and what is known of them."""
        if model == self.model.name:
            return self.vocabulary, self.case
        return over_columns(self.case, self.columns, self.vocabulary, model)

    def _sql(self, node: Node, vocabulary: Vocabulary) -> exp.Expr:
        def leaf(part: Node) -> exp.Expr | None:
            return self._column(part.column) if isinstance(part, ColumnRef) else None

        return Writer(vocabulary, portable(self.project.dialect), leaf).sql(node)

    def _column(self, name: str) -> exp.Expr:
        return exp.column(column_name(name, self.project.dialect))

    # -- what the properties file says

    def _words(self) -> tuple[ColumnWords, ...]:
        tests = key_tests(self.key)
        described = {column.name.lower(): column.description for column in self.model.columns}
        kept = self._ordered(dict.fromkeys((*self.key, *self.columns)))
        words = {name: described.get(name.lower(), "") for name in kept}
        for name, item in self.columns.items():
            if not isinstance(item.node, ColumnRef):
                words[name] = item.label[:1].upper() + item.label[1:] + "."
        return tuple(ColumnWords(name, text, tests.get(name, ())) for name, text in words.items())

    def _output_tests(self) -> tuple[Any, ...]:
        outcomes = list(self._outcomes())
        if not all(constant or _is_blank(node) for node, constant in outcomes):
            return ()
        values = [constant[0] for _node, constant in outcomes if constant]
        tests = accepted_values([*dict.fromkeys(values)], self.project) if values else ()
        return (*tests, "not_null") if self._is_complete() else tests

    def _outcomes(self) -> Iterator[tuple[Node, tuple[Value, ...]]]:
        """Each outcome, and its value where it is a constant."""
        assert isinstance(self.case, Case)
        otherwise = self.case.otherwise
        for node in (*(then for _when, then in self.case.whens), *([otherwise] if otherwise else [])):
            value = constant_of(node)
            yield node, () if value is None else (value,)

    def _is_complete(self) -> bool:
        """Whether every row has an outcome, and none is blank."""
        assert isinstance(self.case, Case)
        if not all(constant for _node, constant in self._outcomes()):
            return False
        if self.case.otherwise is not None:
            return True
        meaning = self.rule.meaning
        table = meaning if isinstance(meaning, Decision) else to_table(meaning, self.vocabulary)
        if isinstance(table, Mixed):
            return False
        report = check_table(table, self.vocabulary)
        return not report.more and not any(finding.kind == "gap" for finding in report.findings)

    # -- examples

    def _examples(self, name: str, read: RelationCall) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
        """The unit test of the examples, or the note why there is none."""
        if not self.rule.examples:
            return (), ()
        if read.name == self.model.name and any(_depends_on_today(part) for part in walk(self.case)):
            return (), ("The examples become no unit test: what the rule says of them depends on the day.",)
        examples = self._different()
        given = [self._row(example) for example in examples]
        expected = [
            {**row, self.rule.name: _plain(example.outcome)}
            for row, example in zip(given, examples, strict=True)
        ]
        rows = self._as_sql(examples) if self._reads_ephemeral(read) else given
        return (unit_test(name, read, rows, expected),), ()

    def _different(self) -> list[Example]:
        """The examples, each once; refused where two contradict each other."""
        found: dict[tuple[object, ...], Example] = {}
        for example in self.rule.examples:
            if len(example.values) != len(self.columns):
                raise Refused("An example says nothing of some of the rule's inputs. Fill it in.")
            # True and 1 are equal to Python, not to people.
            key = tuple((type(value), value) for value in example.values)
            before = found.setdefault(key, example).outcome
            if (type(before), before) != (type(example.outcome), example.outcome):
                raise Refused("Two examples have the same values and different outcomes. Keep one of them.")
        return list(found.values())

    def _row(self, example: Example) -> dict[str, Any]:
        return {name: _plain(value) for name, value in zip(self.columns, example.values, strict=True)}

    def _reads_ephemeral(self, read: RelationCall) -> bool:
        if read.name == self.model.name:
            return read.name in self.project.ephemeral
        return self.project.may_be_ephemeral(f"{self._inputs_folder()}/{read.name}.sql")

    def _as_sql(self, examples: Sequence[Example]) -> str:
        """The rows as a query with all columns that the rule's model names, each value with its type."""
        known = {column.name.lower(): column.type for column in self.model.columns}
        keys = [
            Projection(name, exp.cast(exp.null(), TYPES.get(known.get(name.lower(), "any"), "TEXT")))
            for name in self.key
            if name not in self.columns
        ]
        style, dialect = self.project.style, self.project.dialect
        lines = []
        for example in examples:
            pairs = zip(self.columns.items(), example.values, strict=True)
            values = [Projection(name, self._typed(value, item.kind)) for (name, item), value in pairs]
            texts = (" ".join(projection_lines(one, style, dialect)) for one in [*keys, *values])
            lines.append(f"{word('select', style)} {', '.join(texts)}")
        return f"\n{word('union all', style)}\n".join(lines)

    def _typed(self, value: Value | None, kind: Kind) -> exp.Expr:
        constant = self._sql(literal(value), self.vocabulary)
        return constant if kind == "date" and value is not None else exp.cast(constant, TYPES[kind])


def _free(label: str, taken: set[str]) -> str:
    """A column's name from the words for a calculation."""
    name = plain_name(label)
    if name not in taken:
        return name
    return next(f"{name}_{count}" for count in range(2, len(taken) + 3) if f"{name}_{count}" not in taken)


def _depends_on_today(node: Node) -> bool:
    return isinstance(node, InPeriod) or (isinstance(node, Call) and node.name == "TODAY")


def _is_blank(node: Node) -> bool:
    return isinstance(node, Literal_) and node.value is None


def _plain(value: Value | None) -> Any:
    """A value as dbt's unit tests take it."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else value
