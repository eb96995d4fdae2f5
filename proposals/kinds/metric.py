"""Metrics: a formula with words, from simple totals to conversions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from governance.models import User
from proposals.kinds.base import CannotGenerate, Kind, at_hand
from proposals.kinds.described import text_is_a_block
from semantic.codegen.amend import compile_change
from semantic.codegen.docs_blocks import kept_in_step
from semantic.codegen.entries import Entries
from semantic.codegen.metrics import Compiled, MetricDraft, Refused, compile_metric
from semantic.codegen.sql_models.project import begun
from semantic.current import fields_of
from semantic.definitions import Vocabulary
from semantic.fields import MetricFields, name_from
from semantic.formula import Analysis, analyse
from semantic.formulas import meaning, readable_alone
from semantic.known import Known
from semantic.rules.metric import Problems, keeping_problems, sending_problems, typing_problems
from semantic.technical import COMPUTED


class NoSuchMetric(BisyncError):
    code = "no-such-metric"
    message = _("dbt knows no metric %(metric)s in this project. Pull, or choose another one.")
    http_status = 404


class OfAPackage(BisyncError):
    code = "metric-of-a-package"
    message = _("%(metric)s belongs to a dbt package, whose files are not this project's to change.")
    http_status = 409


def analysis_of(fields: MetricFields, vocabulary: Vocabulary) -> Analysis:
    """The formula of a metric, read and checked."""
    return analyse(fields.formula, vocabulary, model=fields.model)


class MetricKind(Kind[MetricFields]):
    key = "metric"
    new = _("Propose a metric")
    chip = _("New metric")
    whole = _("The whole metric")
    area = "metrics"
    computed = "formula"
    chosen = frozenset({"value_format", "rules", "time", "group", "synonyms", "certified"})
    mono = frozenset({"formula", "time"})
    together = frozenset({"label", "name"})  # the name follows from the label
    metadata = {
        **dict.fromkeys(("label", "meaning", "context", "synonyms"), "documentation"),
        **dict.fromkeys(("formula", "time", "value_format"), "semantic_layer"),
        "rules": "tests",
        **dict.fromkeys(("owner", "group", "certified"), "ownership"),
    }

    def begun(self, name: str, known: Known | None, author: User) -> tuple[MetricFields, MetricFields | None]:
        if known is None:
            return MetricFields(owner=author.name), None
        metric = known.names.metrics.get(name)
        if metric is None:
            raise NoSuchMetric(metric=name)
        if not metric.file:
            raise OfAPackage(metric=metric.label or name)
        base = fields_of(metric, known.names)
        return base, base

    def said(self, name: str, known: Known) -> MetricFields | None:
        metric = known.names.metrics.get(name)
        return fields_of(metric, known.names) if metric is not None else None

    def over(self, begun: MetricFields, suggested: MetricFields, base: MetricFields | None) -> MetricFields:
        if base is None:
            return replace(suggested, owner=begun.owner)
        named = {name: getattr(suggested, name) for name in ("label", "formula", "time")}
        return replace(base, **{name: text for name, text in named.items() if text})

    def complete(self, fields: MetricFields, base: MetricFields | None) -> MetricFields:
        if base is not None:
            return replace(fields, name=base.name, model="")
        return replace(fields, name=name_from(fields.label))

    def keeping_problems(self, fields: MetricFields) -> Problems:
        return keeping_problems(fields)

    def typing_problems(self, fields: MetricFields, base: MetricFields | None) -> Problems:
        return typing_problems(fields, base=base)

    def sending_problems(self, fields: MetricFields, known: Known, base: MetricFields | None) -> Problems:
        told = sending_problems(fields, analysis_of(fields, known.names), known.names, base=base)
        if (
            base is not None
            and fields.meaning != base.meaning
            and (block := known.block_saying(base.meaning))
        ):
            told.setdefault("meaning", []).append(text_is_a_block(block.name))
        return told

    def compiled(
        self,
        fields: MetricFields,
        known: Known,
        *,
        dialect: str,
        base: MetricFields | None,
        settled: Entries | None = None,
    ) -> Compiled:
        names = known.names
        analysis = analysis_of(fields, names)
        computed = base is None or {"formula", "time"} & fields.changes_from(base).keys()
        if computed and (not analysis.ok or analysis.tree is None):
            first = next((p.message for p in analysis.problems if p.level == "error"), "the formula is empty")
            raise CannotGenerate(why=first)
        draft = MetricDraft.from_fields(fields, analysis)
        change = partial(compile_change, base, fields, analysis) if base else partial(compile_metric, draft)
        try:
            code: Compiled = change(
                names,
                dialect=dialect,
                keys=names.keys,
                settled=settled,
                project=lambda: at_hand(known).project,
            )
            return kept_in_step(code, known) if base else begun(code, at_hand(known))
        except Refused as exc:
            raise CannotGenerate(why=str(exc)) from exc

    def same(self, name: str, one: object, other: object, known: Known, dialect: str) -> bool:
        return one == other or (name == "formula" and _means_the_same(one, other, known.names, dialect))

    def alone(self, fields: MetricFields, known: Known, dialect: str) -> MetricFields:
        """With a formula that names its models itself."""
        tree = analysis_of(fields, known.names).tree
        text = readable_alone(tree, known.names, dialect=dialect, written=fields.formula) if tree else ""
        return replace(fields, model="", formula=text or fields.formula)

    def describes(self, fields: MetricFields, base: MetricFields | None) -> str:
        changed = base is not None and "meaning" in fields.changes_from(base)
        return f"metric.{fields.name}" if changed else ""

    def unique_id(self, name: str, known: Known) -> str:
        metric = known.names.metrics.get(name)
        return metric.unique_id if metric is not None else ""

    def warnings(self, fields: MetricFields, known: Known) -> list[str]:
        return [p.message for p in analysis_of(fields, known.names).problems if p.level != "error"]

    def counted_by(self, fields: MetricFields, base: MetricFields | None, known: Known) -> list[str]:  # noqa: ARG002
        return [base.name] if base and {"formula", "time"} & fields.changes_from(base).keys() else []

    def analysis(self, fields: MetricFields, known: Known) -> Analysis:
        return analysis_of(fields, known.names)

    def body(self, fields: MetricFields) -> tuple[str, ...]:
        meaning, _heading, _computed = fields.meaning.partition(COMPUTED)
        return (meaning.strip(), fields.why)

    def asked(self, fields: MetricFields, base: MetricFields | None) -> list[str]:
        # What is said in dbt nowhere yet takes nothing from it: of a new metric, its being there counts.
        if base is None:
            return ["formula", *(["rules"] if fields.rules else [])]
        return list(fields.changes_from(base))


def _means_the_same(one: object, other: object, vocabulary: Vocabulary, dialect: str) -> bool:
    trees = [analyse(str(text), vocabulary).tree for text in (one, other)]
    if None in trees:
        return False
    found = {meaning(tree, vocabulary, dialect=dialect) for tree in trees if tree}
    return len(found) == 1
