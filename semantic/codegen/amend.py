"""A change of a metric that dbt has already: only what a person changed is written, all else stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from semantic.codegen import latest
from semantic.codegen.additions import Additions
from semantic.codegen.decompose import Place, metric_filters
from semantic.codegen.entries import Entry, Refused
from semantic.codegen.files import file_changes, names_after, preview
from semantic.codegen.keeping import keeping
from semantic.codegen.metric_edits import LEGACY, AmendMetric
from semantic.codegen.metrics import (
    Compiled,
    MetricDraft,
    decompose,
    filtered_by,
    models_read,
    notes_of,
    own_note,
    refuse_label,
    uses,
    value_tests_of,
)
from semantic.codegen.names_after import over, synonyms_after, with_notes, without
from semantic.codegen.value_tests import test_names, tested_rows
from semantic.current import fields_of
from semantic.definitions import Metric, Vocabulary
from semantic.fields import TEXTS, MetricFields
from semantic.formula import Analysis, analyse, metric_models
from semantic.formula.tree import MetricRef, Node, Total, Where
from semantic.formula.where import conjuncts, gather_where, push_where
from semantic.formulas import meaning, metric_formula, metric_tree
from semantic.project_file import ProjectFile
from semantic.query.spec import Unsupported
from semantic.rules.text import text_problems

WORDS = {"label": "label", "meaning": "description", "group": "group"}
OWN = {
    "formula": "formula",
    "value_format": "format",
    "owner": "owner",
    "context": "context",
    "rules": "rules",
    "synonyms": "synonyms",
    "certified": "certified",
}
COMPUTED = frozenset({"formula", "time"})
TESTED = COMPUTED | {"rules", "value_format"}


def compile_change(
    base: MetricFields,
    fields: MetricFields,
    formula: Analysis,
    vocabulary: Vocabulary,
    *,
    dialect: str = "duckdb",
    keys: Mapping[str, str] | None = None,
    settled: Mapping[str, Any] | None = None,
    project: Callable[[], ProjectFile] = ProjectFile,
) -> Compiled:
    """What has to be written so that an existing metric says `fields`, where `base` was agreed before.

    A field that dbt has brought to the wanted value meanwhile is left out; one that it has brought elsewhere,
    or a metric that is gone, is Refused. `formula` is the wanted one, checked against the vocabulary.
    `project` reads what the project's own file says, where there are tests to write.
    """
    metric = vocabulary.metrics.get(base.name)
    if metric is None:
        raise Refused(f"The metric {base.name} is not in the dbt project any more.")
    if not metric.file:
        raise Refused(f"{base.name} belongs to a package, whose files are not this project's.")
    current = fields_of(metric, vocabulary)
    asked = fields.changes_from(base).keys()
    left = frozenset(name for name in asked if name in fields.changes_from(current))
    moved = [name for name in left if name in current.changes_from(base)]
    if moved:
        said = " and ".join(sorted(moved))
        raise Refused(f"The {said} of {base.name} was changed in dbt meanwhile. Decide which one holds.")
    wanted = replace(current, **{name: getattr(fields, name) for name in left})
    if "formula" not in left:
        # What others change of the calculation stays, and is what tests and dates are about.
        formula = analyse(current.formula, vocabulary)
    change = _Change(metric, current, wanted, formula, vocabulary, dialect, keys or {}, settled, project)
    return change.compiled(left, using=bool(COMPUTED & asked))


@dataclass(slots=True)
class _Change:
    metric: Metric
    current: MetricFields
    wanted: MetricFields
    formula: Analysis
    vocabulary: Vocabulary
    dialect: str
    keys: Mapping[str, str]
    settled: Mapping[str, Any] | None
    project: Callable[[], ProjectFile]
    additions: Additions = field(init=False)
    values: Entry = field(default_factory=dict)
    own: Entry = field(default_factory=dict)
    # Of the data tests that go: dbt model → names.
    dropped: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.additions = self._without_it()

    def compiled(self, left: frozenset[str], *, using: bool) -> Compiled:
        """Everything for the fields that are `left` to be written."""
        draft = MetricDraft.from_fields(self.wanted, self.formula)
        self._words(left)
        new = self._definition(draft) if COMPUTED & left else self.metric
        note = own_note(draft, self.formula.tree, self.vocabulary, self.dialect)
        self.own = {key: note.get(key) for name, key in OWN.items() if name in left}
        if "formula" in self.own and self._says_itself(new):
            del self.own["formula"]
        if TESTED & left:
            self._tests(draft)
        amended = {"name": self.metric.name, **self.values}
        if self.metric.spec == "latest":
            amended = {key: value for key, value in amended.items() if value is not None}
        if self.own:
            amended["config"] = {"meta": {"bisync": self.own}}
        return Compiled(
            changes=file_changes(
                self.additions,
                self.vocabulary,
                home=self.metric.file,
                amended=AmendMetric(self.metric.name, self.values, self.own),
                dropped=self.dropped,
            ),
            entries=self._entries(using=using),
            metrics=(*(metric.name for metric in self.additions.metrics), self.metric.name),
            models=self._models(computed=using),
            yaml_preview=preview(self.additions, amended),
            notes=(*notes_of(self.additions), *self.notes),
            later=lambda: self._after(new),
        )

    def _says_itself(self, new: Metric) -> bool:
        """Whether a metric without a note of its formula reads as this one without it, or was agreed so."""
        own = self.metric.meta.get("bisync")
        if isinstance(own, Mapping) and "formula" in own:
            return False
        if agreed := (self.settled or {}).get("change"):
            return "formula" not in agreed["own"]
        bare = self._after(new, noted=False)
        return bool(bare.metrics[new.name].formula == self.own["formula"])

    def _after(self, new: Metric, *, noted: bool = True) -> Vocabulary:
        """The names that there will be, the metric as it will be, and those that run over it."""
        file, wanted = self.metric.file, self.wanted
        names = names_after(self.additions, self.vocabulary, dialect=self.dialect, home=file)
        metric = replace(
            new,
            label=wanted.label,
            description=wanted.meaning,
            group=wanted.group,
            file=file,
            unique_id=self.metric.unique_id,
            meta=with_notes(self.metric.meta, **self.own) if noted else {},
        )
        if new.type != "simple" and self._inside():
            # Its total was its own, and is nobody's now.
            names = without(names, metrics=(metric.name,))
        changed = {metric.name: metric}
        changed |= {
            name: now for name, one in names.metrics.items() if (now := over(one, self.metric, metric)) != one
        }
        metrics = dict(sorted({**names.metrics, **changed}.items()))
        known = replace(names, metrics=metrics, synonyms=synonyms_after(names, [metric]))
        said = {
            name: replace(one, formula=metric_formula(one, known, dialect=self.dialect))
            for name, one in changed.items()
        }
        return replace(known, metrics={**known.metrics, **said})

    def _words(self, left: frozenset[str]) -> None:
        listed = self.wanted.synonyms if "synonyms" in left else ()
        texts = (getattr(self.wanted, name) for name in left.intersection(TEXTS) - {"formula", "time"})
        for text in (*texts, *listed):
            if problems := text_problems(text, limit=10_000):
                raise Refused(problems[0])
        if "label" in left:
            refuse_label(self.wanted.label, self.additions.vocabulary)
        self.values = {key: getattr(self.wanted, name) or None for name, key in WORDS.items() if name in left}

    def _definition(self, draft: MetricDraft) -> Metric:
        """The metric as it is calculated then; its entry gets the keys that say so."""
        tree = self.formula.tree
        if tree is None:
            raise Refused("The formula has an error. Correct it first.")
        if self.metric.name in self.vocabulary.below(self.formula.metrics):
            raise Refused(
                f"The formula uses {self.metric.name} itself, directly or by another metric, so it would go "
                "in a circle. Write what it is made of instead."
            )
        was, before = self._written_anew()
        new, self.additions = self._written(draft, tree)
        new = self._kept(was, new)
        stays = self._total_stays(was, before, new)
        if new.type != "simple" and (over := self.vocabulary.totalled_by(self.metric.name)):
            raise Refused(
                f"dbt adds up {self.metric.name} in {' and '.join(over)}, so it has to stay a single total, "
                "such as SUM(…) or COUNT(…). Propose a new metric for this formula."
            )
        entry = self.additions.spelled(new)
        self.values |= {key: entry.get(key) for key in self._defining(new) if key not in stays}
        if self._fills(self.metric) and not self._fills(new):
            self.notes.append("Periods without rows are not filled any more, as they are today.")
        if unused := self._left_behind(new):
            self.notes.append(
                f"{' and '.join(unused)} may be without use afterwards; Bisync leaves what others may read."
            )
        return new

    def _written(self, draft: MetricDraft, tree: Node) -> tuple[Metric, Additions]:
        """The metric that a formula is, with what it needs: filtered as a whole where it is so now."""
        gathered = gather_where(tree) if self.metric.filters and self.metric.made_of else tree
        if isinstance(gathered, Where) and not isinstance(gathered.value, Total | MetricRef):
            with suppress(Refused):
                metric, additions = self._decomposed(draft, push_where(gathered.value))
                names, conditions = list(dict.fromkeys(metric.made_of)), conjuncts(gathered.condition)
                known = _with_parts(additions)
                texts = metric_filters(names, conditions, known, self.dialect)
                whole = replace(metric, filters=tuple(texts))
                if self._meaning(whole, known) == meaning(tree, known, dialect=self.dialect):
                    return whole, additions
        return self._decomposed(draft, tree)

    def _decomposed(self, draft: MetricDraft, tree: Node) -> tuple[Metric, Additions]:
        additions = self._without_it()
        place = Place(self.metric.spec, self._inside())
        decompose(
            draft, tree, additions, dialect=self.dialect, keys=self.keys, settled=self.settled, place=place
        )
        return additions.metrics.pop(), additions

    def _written_anew(self) -> tuple[Metric | None, Additions]:
        """The metric that is there, as Bisync would write it; None where no formula says it."""
        formula = analyse(self.current.formula, self.vocabulary)
        if formula.tree is not None:
            with suppress(Refused):
                return self._written(MetricDraft.from_fields(self.current, formula), formula.tree)
        return None, self._without_it()

    def _kept(self, was: Metric | None, new: Metric) -> Metric:
        """The same in the words of whoever wrote the metric, as far as it says what was there."""
        if was is None:
            return new
        known = _with_parts(self.additions)
        found = keeping(self.metric, was, new, lambda metric: self._meaning(metric, known), known.keywords)
        return found if self._meaning(found, known) == (self._meaning(new, known) or None) else new

    def _total_stays(self, was: Metric | None, before: Additions, new: Metric) -> frozenset[str]:
        """The keys of a total in its model's entry that stay as they are: others say the same otherwise.

        dbt reads a metric's own name for an `expr` that is left out, and adding up ones is counting.
        """
        inside, known = self._inside(), self.additions.vocabulary
        if not inside or was is None or not was.type == new.type == "simple":
            return frozenset()
        there = self.vocabulary.measures[self.metric.name][1]
        old, wanted = before.vocabulary.measures[was.name][1], known.measures[new.name][1]
        found, stays = wanted, frozenset[str]()
        if (old.agg, old.expr, old.percentile) == (wanted.agg, wanted.expr, wanted.percentile):
            found = replace(found, agg=there.agg, expr=there.expr, percentile=there.percentile)
            stays |= latest.TOTALLED
        if old.agg_time_dimension == wanted.agg_time_dimension:
            found = replace(found, agg_time_dimension=there.agg_time_dimension)
            stays |= {"agg_time_dimension"}
        meant = self._meaning(new, _with_parts(self.additions))
        self.additions.add_total(known.models[inside], found)
        if meant and self._meaning(new, _with_parts(self.additions)) == meant:
            return stays
        self.additions.add_total(known.models[inside], wanted)
        return frozenset()

    def _meaning(self, metric: Metric, known: Vocabulary) -> str:
        """What a definition means; "" where no formula says it."""
        known = replace(known, metrics={**known.metrics, metric.name: metric})
        try:
            tree = metric_tree(metric, known, dialect=self.dialect)
        except Unsupported:
            return ""
        return meaning(tree, known, dialect=self.dialect)

    @staticmethod
    def _fills(metric: Metric) -> bool:
        return metric.join_to_timespine or metric.fill_nulls_with is not None

    def _without_it(self) -> Additions:
        """Nothing yet, beside all other metrics."""
        others = {name: m for name, m in self.vocabulary.metrics.items() if name != self.metric.name}
        return Additions(replace(self.vocabulary, metrics=others), self.project)

    def _inside(self) -> str:
        """The model in whose entry the metric is a simple one; "" elsewhere."""
        if self.metric.type != "simple" or self.metric.measure not in self.vocabulary.measures:
            return ""
        model, measure = self.vocabulary.measures[self.metric.measure]
        return model.name if measure.inline else ""

    def _defining(self, new: Metric) -> Sequence[str]:
        """The keys of the entry in which a calculation stands, the one that goes and the one that comes."""
        if self.metric.spec == "legacy":
            return LEGACY
        return tuple(dict.fromkeys((*latest.KEYS[self.metric.type], *latest.KEYS[new.type])))

    def _left_behind(self, new: Metric) -> list[str]:
        """The metric's measure and helpers that neither it nor another metric reads any more."""
        others = [*self.additions.vocabulary.metrics.values(), *self.additions.metrics, new]
        used = {name for m in others for name in m.made_of}
        used |= {name for m in others if m.spec == "legacy" for name in m.measures}
        measures = self.vocabulary.measures
        found = [
            name
            for name in dict.fromkeys(self.metric.measures)
            if name and name not in used and name in measures and not measures[name][1].inline
        ]
        return found + sorted(
            m.name for m in others if m.helper_of == self.metric.name and m.name not in used
        )

    def _tests(self, draft: MetricDraft) -> None:
        """New tests for the rules in the place of the ones that are there."""
        before = analyse(self.current.formula, self.vocabulary).tree if self.current.rules else None
        rows = before and tested_rows(
            before, self.vocabulary, dialect=self.dialect, time_column=self.current.time
        )
        if rows:
            self.dropped[rows.model] = test_names(self.metric.name, self.current.rules)
        if self.formula.tree is not None:
            self.notes += value_tests_of(draft, self.formula.tree, self.additions, self.dialect)

    def _entries(self, *, using: bool) -> Entry:
        change = {
            "metric": self.metric.name,
            "values": self.values,
            "own": self.own,
            "dropped": self.dropped,
        }
        written = {**self.additions.as_json(), "change": change}
        used = uses(self.formula, self.vocabulary, self.dialect) if using else {}
        return {**written, "uses": {**used, **(filtered_by(written, self.vocabulary) if using else {})}}

    def _models(self, *, computed: bool) -> tuple[str, ...]:
        found = metric_models(self.vocabulary, self.metric.name)
        if computed:
            found = {*found, *models_read(self.formula, self.vocabulary), *self.additions.time_spine}
        return tuple(sorted(found))


def _with_parts(additions: Additions) -> Vocabulary:
    """The names with the metrics that are added."""
    known = additions.vocabulary
    return replace(known, metrics={**known.metrics, **{one.name: one for one in additions.metrics}})
