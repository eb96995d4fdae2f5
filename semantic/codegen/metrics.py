"""A metric as dbt's files say it: which entry goes into which file, and what dbt will see."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from semantic.codegen.additions import Additions
from semantic.codegen.changes import FileChange
from semantic.codegen.decompose import Decomposer, Place, Title
from semantic.codegen.entries import RESERVED, Entries, Entry, Refused, texts_in
from semantic.codegen.files import file_changes, names_after, preview
from semantic.codegen.quality.metric_tests import TESTS, named_in
from semantic.codegen.quality.promises import whole
from semantic.codegen.value_tests import tested_rows, value_tests
from semantic.definitions import Vocabulary
from semantic.fields import MetricFields, ValueRule, with_plain_lines
from semantic.formula import Analysis, metric_models
from semantic.formula.tree import MetricRef, Node
from semantic.formulas import full_meaning, readable_alone
from semantic.project_file import ProjectFile
from semantic.query.spec import Unsupported
from semantic.query.sql import RowQuery
from semantic.rules.text import name_problems, text_problems

__all__ = ["Compiled", "FileChange", "MetricDraft", "Refused", "compile_metric"]


_DIMENSION = re.compile(r"\bDimension\('(\w+)'\)")


@dataclass(frozen=True, slots=True)
class MetricDraft:
    """A metric before dbt knows it; `formula` has been checked against the vocabulary it is compiled with."""

    name: str
    label: str
    description: str
    formula: Analysis
    model: str = ""
    time_column: str = ""
    value_format: str = "number"
    owner: str = ""
    group: str = ""
    context: str = ""
    validations: tuple[ValueRule, ...] = ()
    synonyms: tuple[str, ...] = ()
    certified: bool = False

    @classmethod
    def from_fields(cls, fields: MetricFields, formula: Analysis) -> MetricDraft:
        """The draft that a form describes."""
        return cls(
            name=fields.name,
            label=fields.label,
            description=fields.meaning,
            formula=formula,
            model=fields.model or formula.model,
            time_column=fields.time,
            value_format=fields.value_format,
            owner=fields.owner,
            group=fields.group,
            context=fields.context,
            validations=fields.rules,
            synonyms=fields.synonyms,
            certified=fields.certified,
        )


@dataclass(frozen=True)
class Compiled:
    """A metric in dbt's words.

    `entries` is plain data, equal after a trip through JSON; what it `uses` are the metrics that the formula
    names, each with a digest of what it means now, and whatever goes or is replaced, each with a digest of
    what dbt says of it. `metrics` names the metric and its helpers,
    `models` the dbt models it reads; `notes` tell people what they would not expect. `later` gives the names
    that there will be; they are worked out for those alone who ask for `after`.
    """

    changes: tuple[FileChange, ...]
    entries: Entries
    metrics: tuple[str, ...]
    models: tuple[str, ...]
    yaml_preview: str
    notes: tuple[str, ...] = ()
    later: Callable[[], Vocabulary | None] = field(default=lambda: None, compare=False, repr=False)

    @cached_property
    def after(self) -> Vocabulary | None:
        """The names that there will be, None where no formula can use more or others than before."""
        return self.later()


def compile_metric(
    draft: MetricDraft,
    vocabulary: Vocabulary,
    *,
    dialect: str = "duckdb",
    keys: Mapping[str, str] | None = None,
    settled: Mapping[str, Any] | None = None,
    project: Callable[[], ProjectFile] = ProjectFile,
) -> Compiled:
    """Everything that has to be added to the dbt project for a new metric. Raises Refused.

    `settled` are the entries that were agreed on, perhaps before others came into the project: the same names
    are used again as far as they still mean the same, and what is there already is left out.
    `keys` are the models' primary keys as dbt's tests know them (`importer.primary_keys`); a semantic model
    made for a model without a known key can be totalled but not joined. `project` reads what the project's
    own file says, where there are tests to write.
    """
    tree = draft.formula.tree
    if tree is None:
        raise Refused("The formula has an error. Correct it first.")
    _refuse_texts(draft)
    _refuse_clashes(draft, vocabulary)
    additions = Additions(vocabulary, project)
    decompose(draft, tree, additions, dialect=dialect, keys=keys or {}, settled=settled)
    written = additions.as_json()
    used = {**uses(draft.formula, vocabulary, dialect), **filtered_by(written, vocabulary)}
    notes = (*notes_of(additions), *value_tests_of(draft, tree, additions, dialect))
    return Compiled(
        changes=file_changes(additions, vocabulary),
        entries={**written, "uses": used},
        metrics=tuple(metric.name for metric in additions.metrics),
        models=tuple(sorted({*models_read(draft.formula, vocabulary), *additions.time_spine})),
        yaml_preview=preview(additions),
        notes=notes,
        later=lambda: names_after(additions, vocabulary, dialect=dialect),
    )


def decompose(
    draft: MetricDraft,
    tree: Node,
    additions: Additions,
    *,
    dialect: str,
    keys: Mapping[str, str],
    settled: Mapping[str, Any] | None,
    place: Place | None = None,
) -> None:
    """Adds what the formula needs, the metric itself last, which has its `place` already or is new.

    Raises Refused.
    """
    own = own_note(draft, tree, additions.vocabulary, dialect)
    title = Title(draft.name, draft.label, draft.description, draft.group, own)
    try:
        names = None if settled is None else texts_in(settled)
        Decomposer(title, additions, dialect, draft.time_column, keys, names, place).run(tree)
    except Unsupported as error:
        raise Refused(str(error)) from error


def uses(formula: Analysis, vocabulary: Vocabulary, dialect: str) -> dict[str, str]:
    """The metrics that a formula names, each with a digest of what it means now."""
    return {
        name: hashlib.sha256(
            full_meaning(vocabulary.metrics[name], vocabulary, dialect=dialect).encode()
        ).hexdigest()
        for name in sorted(formula.metrics)
    }


def filtered_by(entries: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, str]:
    """The dimensions that compute something by which the entries' filters ask, each with what it says now."""
    names = {found.rpartition("__")[2] for found in _DIMENSION.findall(json.dumps(entries))}
    return {
        f"{model.name}.{dimension.name}": dimension.expr
        for model in vocabulary.models.values()
        for dimension in (model.semantic.dimensions if model.semantic else ())
        if dimension.name in names and dimension.is_computed(model)
    }


def _refuse_texts(draft: MetricDraft) -> None:
    problems = name_problems(draft.name)
    for text in (draft.label, draft.description, draft.owner, draft.group, draft.context, *draft.synonyms):
        problems = problems or text_problems(text, limit=10_000)
    if draft.name in RESERVED:
        problems = [f"{draft.name} is a word that dbt keeps for itself. Choose another name."]
    if problems:
        raise Refused(problems[0])


def _refuse_clashes(draft: MetricDraft, vocabulary: Vocabulary) -> None:
    kinds = {"metric": vocabulary.metrics, "measure": vocabulary.measures, "model": vocabulary.models}
    for kind, names in kinds.items():
        if draft.name in names:
            raise Refused(f"There is a {kind} {draft.name} already. Choose another name.")
    refuse_label(draft.label, vocabulary)


def refuse_label(label: str, vocabulary: Vocabulary) -> None:
    """Refuses a name for people that is none or that another metric has."""
    for metric in vocabulary.metrics.values():
        if metric.label and metric.label.casefold() == label.casefold():
            raise Refused(
                f"The metric {metric.name} is called “{metric.label}” already. Choose another name."
            )
    if not label:
        raise Refused("The metric has no name for people yet. Give it one.")


def models_read(formula: Analysis, vocabulary: Vocabulary) -> set[str]:
    """The models from whose rows a formula is computed, itself or by the metrics that it names."""
    return set(formula.models).union(*(metric_models(vocabulary, name) for name in formula.metrics))


def own_note(draft: MetricDraft, tree: Node | None, vocabulary: Vocabulary, dialect: str) -> Entry:
    """What Bisync keeps in the metric's `meta`: the formula in words, and what dbt has no place for."""
    written = with_plain_lines(draft.formula.text.strip())
    text = readable_alone(tree, vocabulary, dialect=dialect, written=written) if tree else ""
    own: Entry = {"formula": text or written}
    # A plain number is what every metric is without a note, unless the project's own metrics say so as well.
    if draft.value_format != "number" or "format" in vocabulary.plain_notes:
        own["format"] = draft.value_format
    own |= {key: text for key, text in (("owner", draft.owner), ("context", draft.context)) if text}
    listed = {"synonyms": list(draft.synonyms), "rules": [_rule(rule) for rule in draft.validations]}
    own |= {key: value for key, value in listed.items() if value}
    return {**own, "certified": True} if draft.certified else own


def _rule(rule: ValueRule) -> Entry:
    return {key: whole(value) if isinstance(value, float) else value for key, value in rule.to_json().items()}


def notes_of(additions: Additions) -> tuple[str, ...]:
    """What to tell about a time spine that the project gets, and about what dbt cannot say."""
    text = "dbt's metrics need a model with one row per day. This project has none, so {} is added."
    return (*(text.format(name) for name in additions.time_spine), *additions.notes)


_ALONE = (
    "Rules that name metrics over several models are checked by Bisync alone:"
    " dbt's tests look at the rows of one model."
)


def value_tests_of(draft: MetricDraft, tree: Node, additions: Additions, dialect: str) -> tuple[str, ...]:
    """Adds the data tests for the metric's rules; returns what to tell about them."""
    if not draft.validations:
        return ()
    rows = tested_rows(tree, additions.vocabulary, dialect=dialect, time_column=draft.time_column)
    if rows is None:
        return ("The rules are checked by Bisync alone: dbt's tests look at the rows of one model.",)
    percent = draft.value_format == "percent"
    nested = additions.project().nests_arguments(additions.vocabulary.dbt_version)
    others = _others(draft, additions.vocabulary, dialect, home=rows.model)
    tests = value_tests(draft.name, draft.validations, rows, percent=percent, nested=nested, others=others)
    if tests:
        additions.tests[rows.model] = tests
    return (_ALONE,) if len(tests) < len(draft.validations) else ()


def _others(draft: MetricDraft, vocabulary: Vocabulary, dialect: str, *, home: str) -> dict[str, RowQuery]:
    """The metrics that the rules name, as far as each is computed from the rows of one model.

    That model has to be one that tests of the model `home` may read.
    """
    named = {name for rule in draft.validations if rule.kind in TESTS for name in named_in(rule)}
    found = {
        name: tested_rows(MetricRef(name), vocabulary, dialect=dialect, time_column="")
        for name in sorted(named)
        if name in vocabulary.metrics
    }
    models, group = vocabulary.models, vocabulary.models[home].group
    return {name: rows for name, rows in found.items() if rows and models[rows.model].may_be_read_by(group)}
