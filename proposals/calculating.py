"""What the form of a calculation shows while somebody types: its values, the files, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bisync.lib.errors import BisyncError
from environments.models import Environment
from environments.numbers import RowValues, of_rows
from environments.selectors import reading
from proposals.kinds import KINDS
from proposals.models import Item
from proposals.outlook import Outlook, ShownFile, habits_shown, outlook, shown_files
from proposals.preview import BROUGHT, NOT_BUILT
from semantic.calculation import CalculationFields
from semantic.codegen.calculations import analysis_of, model_of
from semantic.codegen.sql_models.evidence import Evidence
from semantic.formula import Analysis
from semantic.formula.chips import Chip, chips
from semantic.formula.tree import Node
from semantic.query.spec import Unsupported


@dataclass(frozen=True, slots=True)
class CalculationPreview:
    """A draft's preview in one environment; `trouble` says why there are no values.

    `style` is how the project writes its models, for a query.
    """

    outlook: Outlook
    analysis: Analysis | None = None
    chips: tuple[Chip, ...] = ()
    values: RowValues | None = None
    files: tuple[ShownFile, ...] = ()
    style: Sequence[Evidence] = ()
    trouble: str = ""


def calculation_preview(
    fields: CalculationFields, environment: Environment, earlier: Sequence[Item] = ()
) -> CalculationPreview:
    """Compute it, on top of `earlier` changes of its proposal. Never raises for what a person typed."""
    found = outlook(KINDS["calculation"], fields, environment, None, earlier)
    shown = CalculationPreview(found, files=shown_files(found, ending=".sql"))
    if fields.is_query:
        return replace(shown, style=habits_shown(found.known, environment))
    analysis = analysis_of(fields, found.names)
    shown = replace(shown, analysis=analysis if fields.model else None)
    if analysis.tree is None:
        return shown
    shown = replace(shown, chips=chips(analysis.tree, found.names))
    return _with_values(shown, fields, environment, analysis.tree, brought=bool(earlier))


def _with_values(
    shown: CalculationPreview,
    fields: CalculationFields,
    environment: Environment,
    tree: Node,
    *,
    brought: bool,
) -> CalculationPreview:
    if environment.live is None:
        return shown
    version = reading(environment.live)
    model = model_of(fields, version.vocabulary)
    if model is None or analysis_of(fields, version.vocabulary).tree is None:
        return replace(shown, trouble=str(BROUGHT if brought else NOT_BUILT))
    try:
        return replace(shown, values=of_rows(version, tree, model=model.name, name=fields.column or "value"))
    except (BisyncError, Unsupported) as why:
        return replace(shown, trouble=str(why))
