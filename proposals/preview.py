"""What the form shows while somebody types: the number, its months, the code, the rows, its likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from environments.models import Environment
from environments.numbers import Numbers, by_period, in_all, sample
from environments.selectors import Reading, reading, vocabulary_of
from proposals import generate
from proposals.directions import not_proposable_of
from proposals.kinds import KINDS, CannotGenerate
from proposals.models import Item
from semantic.definitions import Grain
from semantic.fields import MetricFields
from semantic.formula import Analysis, analyse
from semantic.formula.chips import Chip, chips
from semantic.formula.tree import Binary, Literal_, Node, Total, walk
from semantic.formulas import meaning
from semantic.known import Known
from semantic.query.spec import PeriodsOnly, Unsupported
from semantic.rules.metric import Problems, typing_problems
from semantic.rules.similar import Similar, similar
from semantic.rules.text import title_of
from workspace.warehouse.base import Result

BROUGHT = _("It uses what this proposal brings first: the checks build that, and compute the number.")
NOT_BUILT = _("It uses what is not built here yet: once it is, there is something to see.")


@dataclass(frozen=True, slots=True)
class Preview:
    """A draft's preview in one environment; parts that cannot be had are None, and `trouble` says why.

    `missing` is what sending would refuse; where that is the code itself, `writable` is False.
    """

    analysis: Analysis
    grain: Grain
    chips: tuple[Chip, ...] = ()
    numbers: Numbers | None = None
    total: float | None = None
    rows: Result | None = None
    yaml: str = ""
    notes: tuple[str, ...] = ()
    trouble: str = ""
    similar: Sequence[Similar] = ()
    missing: Problems = field(default_factory=dict)
    writable: bool = True
    unfit: Problems = field(default_factory=dict)  # of those, what was typed and dbt may not read


def preview(
    fields: MetricFields,
    environment: Environment,
    *,
    grain: Grain = "month",
    base: MetricFields | None = None,
    earlier: Sequence[Item] = (),
) -> Preview:
    """Compute it. Never raises for what a person typed: faults are told inside.

    `base` is what dbt says of a metric that is changed; what `earlier` changes of its proposal bring counts
    as if it were there.
    """
    live = vocabulary_of(environment.project, environment)
    known = _known(earlier, environment)
    names = known.names if known is not None else live
    dialect = environment.connection.adapter
    analysis = analyse(fields.formula, names, model=fields.model)
    alike = similar(
        label=title_of(fields.label),
        meaning=meaning(analysis.tree, names, dialect=dialect) if analysis.tree else "",
        vocabulary=names,
        dialect=dialect,
        own_name=base.name if base else "",
        used=analysis.metrics,
    )
    unfit = typing_problems(fields, base=base)
    pieces = chips(analysis.tree, names) if analysis.tree else ()
    begun = Preview(analysis=analysis, grain=grain, chips=pieces, similar=alike, unfit=unfit)
    shown = _sendable(begun, fields, environment, base, known)
    if analysis.tree is None or environment.live is None:
        return shown
    if "time" in shown.missing:
        return replace(shown, trouble=" ".join(shown.missing["time"]))
    if names is not live and analyse(fields.formula, live, model=fields.model).tree is None:
        return replace(shown, trouble=str(BROUGHT if earlier else NOT_BUILT))
    return _with_numbers(shown, reading(environment.live), analysis.tree, fields)


def _known(earlier: Sequence[Item], environment: Environment) -> Known | None:
    """What the last pull says and the earlier changes bring; None before the first pull."""
    try:
        return generate.known_after(earlier, environment)
    except generate.NothingPulled:
        return None


def _sendable(
    shown: Preview,
    fields: MetricFields,
    environment: Environment,
    base: MetricFields | None,
    known: Known | None,
) -> Preview:
    """With the code and with what is missing, both found as sending finds them: in the last pull."""
    kind = KINDS["metric"]
    if known is None:
        return replace(shown, missing={"formula": [str(generate.NothingPulled())]}, writable=False)
    missing = kind.sending_problems(fields, known, base)
    if shown.unfit or missing.keys() & {"label", "formula", "time"}:
        return replace(shown, missing=missing)
    try:
        code = kind.compiled(fields, known, dialect=environment.connection.adapter, base=base)
    except CannotGenerate as exc:
        return replace(shown, missing={**missing, "formula": [str(exc)]}, writable=False)
    held = not_proposable_of(environment.project, kind, fields, base=base, entries=code.entries)
    return replace(shown, missing={**missing, **held}, yaml=code.yaml_preview, notes=code.notes)


def _with_numbers(shown: Preview, version: Reading, tree: Node, fields: MetricFields) -> Preview:
    try:
        numbers = by_period(version, tree, grain=shown.grain, time=fields.time)
        shown = replace(shown, numbers=numbers, notes=(*shown.notes, *_hints(tree, numbers, fields)))
        total = in_all(version, tree, time=fields.time)
        return replace(shown, total=total, rows=sample(version, tree, time=fields.time))
    except PeriodsOnly:
        return shown
    except (BisyncError, Unsupported) as exc:
        return replace(shown, numbers=None, trouble=str(exc))


def _hints(tree: Node, numbers: Numbers, fields: MetricFields) -> tuple[str, ...]:
    """Advice: a share reads better as percent, and a text that no row has was perhaps meant otherwise."""
    share = isinstance(tree, Binary) and tree.op == "/" and _totals(tree.left) and _totals(tree.right)
    values = [point.value for point in numbers.points if point.value is not None]
    texts = [part.value for part in walk(tree) if isinstance(part, Literal_) and isinstance(part.value, str)]
    if texts and not any(values):
        told = _("No row counts. See how “%(text)s” is written in the data: capital letters matter.")
        return (str(told) % {"text": texts[0]},)
    between = any(0 < value < 1 for value in values) and all(0 <= value <= 1 for value in values)
    if not share or not between or fields.value_format not in {"number", "integer"}:
        return ()
    return ("It lies between 0 and 1, as shares do. “Show as” can show it as percent.",)


def _totals(node: Node) -> bool:
    return any(isinstance(part, Total) for part in walk(node))
