"""The kinds of definition that can be proposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proposals.kinds.base import CannotGenerate, Kind
from proposals.kinds.calculation import CalculationKind
from proposals.kinds.described import ColumnKind, ModelKind
from proposals.kinds.docs import DocKind
from proposals.kinds.elements import DimensionKind, MeasureKind
from proposals.kinds.metric import MetricKind
from proposals.kinds.quality import QualityKind
from proposals.kinds.removal import RemovalKind
from proposals.kinds.rule import RuleKind
from semantic.models import Revision

__all__ = ["KINDS", "CannotGenerate", "Kind", "kind_of"]

_ALL: tuple[Kind[Any], ...] = (
    MetricKind(),
    ModelKind(),
    ColumnKind(),
    DocKind(),
    CalculationKind(),
    RemovalKind(),
    DimensionKind(),
    MeasureKind(),
    QualityKind(),
    RuleKind(),
)
KINDS: Mapping[str, Kind[Any]] = {kind.key: kind for kind in _ALL}


def kind_of(revision: Revision) -> Kind[Any]:
    """The kind of what a revision is of."""
    return KINDS[revision.kind]
