"""What Bisync notes of other metrics, where that names a metric which goes or gets another name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from semantic.codegen.additions import Additions
from semantic.codegen.changes import AmendTests, AnyEdit, test_name
from semantic.codegen.entries import Entry
from semantic.codegen.layout import properties_file
from semantic.codegen.metric_edits import AmendMetric
from semantic.codegen.metrics import MetricDraft, value_tests_of
from semantic.codegen.names_after import Exchanged
from semantic.codegen.quality.rule import Target
from semantic.codegen.value_tests import test_names, tested_rows
from semantic.current import fields_of, rules_noted
from semantic.definitions import Metric, Vocabulary
from semantic.formula import analyse
from semantic.project_file import ProjectFile

# The file, its edit, and the edit as plain data.
Told: TypeAlias = tuple[str, AnyEdit, Entry]


@dataclass(frozen=True, slots=True)
class Notes:
    """Notes of metrics that stay: `used` are those whose entries name the other metric anyway."""

    exchange: Exchanged
    after: Vocabulary
    used: Collection[str]
    gone: Collection[str]
    dialect: str
    project: Callable[[], ProjectFile]

    def edits(self) -> Iterator[Told]:
        """The edits of entries, and of the tests that keep what is promised there."""
        for metric in self.exchange.names.metrics.values():
            if metric.file and metric.name not in (*self.gone, self.exchange.old.name):
                yield from self._of(metric)

    def _of(self, metric: Metric) -> Iterator[Told]:
        notes = dict(self.exchange.notes(metric))
        uses = metric.name in self.used
        # Where the entry names the metric, these two are exchanged along.
        along = ("helper_of", "formula") if uses else ()
        own = {key: value for key, value in notes.items() if key not in along}
        if own:
            yield metric.file, AmendMetric(metric.name, {}, own), {"notes": metric.name, "own": own}
        rules = rules_noted(metric.meta)
        moved = [
            name
            for rule, name in zip(rules, test_names(metric.name, rules), strict=True)
            if self.exchange.names_it(rule.to_json()) or (uses and not self.exchange.renamed)
        ]
        if moved:
            yield from self._tests(metric, moved)

    def _tests(self, metric: Metric, names: list[str]) -> Iterator[Told]:
        """The tests of these names, computed from the other metric; those that are left without one go."""
        found: dict[str, list[Entry]] = {model: [] for model in self._tested(metric, self.exchange.names)}
        fields = fields_of(self.after.metrics[metric.name], self.after)
        analysis = analyse(fields.formula, self.after)
        additions = Additions(self.after, self.project)
        if analysis.tree is not None:
            value_tests_of(MetricDraft.from_fields(fields, analysis), analysis.tree, additions, self.dialect)
        for model, tests in additions.tests.items():
            found[model] = [test for test in tests if test_name(test) in names]
        own = {model: tests for model, tests in found.items() if self.after.models[model].file}
        for model, tests in own.items():
            tested = self.after.models[model]
            edit = AmendTests(Target.of(tested.unique_id, model), tuple(names), tuple(tests))
            told: dict[str, Any] = {"model": model, "dropped": names, "tests": tests}
            yield properties_file(tested), edit, told

    def _tested(self, metric: Metric, names: Vocabulary) -> list[str]:
        """The model among whose tests those of a metric stand; none where dbt cannot test it."""
        current = fields_of(metric, names)
        tree = analyse(current.formula, names).tree
        rows = tree and tested_rows(tree, names, dialect=self.dialect, time_column=current.time)
        return [rows.model] if rows else []
