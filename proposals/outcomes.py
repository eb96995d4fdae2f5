"""What a check counts of a business rule: how many rows have which outcome, today and once it is changed."""

from __future__ import annotations

from typing import Any

from environments.models import Deployment
from environments.selectors import reading
from proposals.models import Item
from proposals.trying import compared, plain
from semantic.business_rules import BusinessRuleFields
from semantic.codegen.business_rules import understood
from semantic.codegen.rule_reading import rule_there
from semantic.codegen.sql_models.rule_trials import outcomes_sql
from semantic.fields import name_from
from semantic.known import Known
from workspace.warehouse.base import Warehouse


def rule_result(
    item: Item, relation: str, known: Known, live: Deployment | None, warehouse: Warehouse
) -> dict[str, Any]:
    """The outcomes of a rule in the relation that was built for it, as JSON holds them.

    Of one that is there already also `pairs`: how many rows of the live version have which outcome as dbt
    says the rule today, and which as it is proposed.
    """
    content, base = item.revision.content, item.revision.agreed
    there = rule_there(content.name, known)
    column = there.column if there is not None else name_from(content.title)
    rows = warehouse.query(outcomes_sql(relation, column, warehouse.dialect)).rows
    result = {
        "item": item.pk,
        "title": content.title,
        "outcomes": [[plain(value), int(str(count))] for value, count in rows],
    }
    if live is None or not (isinstance(content, BusinessRuleFields) and isinstance(base, BusinessRuleFields)):
        return result
    before, after = (understood(fields, known.names) for fields in (base, content))
    return {**result, "pairs": [list(pair) for pair in compared(before, after, reading(live))]}
