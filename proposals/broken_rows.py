"""How many rows of the live version break a rule that somebody types, and some of them."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from bisync.lib.errors import BisyncError
from environments.models import Environment
from environments.numbers import ask
from environments.selectors import Reading, reading
from semantic.codegen.entries import Refused
from semantic.codegen.promised import rule_of
from semantic.codegen.quality.conditions import compiler
from semantic.codegen.quality.rule import QualityRule
from semantic.definitions import Model
from semantic.promised import PromiseFields
from semantic.query.broken import Asked, broken_sql
from semantic.query.spec import Unsupported
from semantic.rules.promised import promise_of, typing_problems
from workspace.warehouse.base import Result

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class BrokenRows:
    """What breaks a rule today: the number of rows, and a few; None where `trouble` says why nobody knows."""

    count: int | None = None
    rows: Result | None = None
    sql: str = ""
    trouble: str = ""


def broken_rows(fields: PromiseFields, environment: Environment) -> BrokenRows:
    """Look at the live version. Never raises for what a person typed; of unfinished rules it says nothing."""
    if environment.live is None:
        said = _("%(name)s has not been built yet, so there are no rows to look at.")
        return BrokenRows(trouble=said % {"name": environment.name})
    live = reading(environment.live)
    model = next((one for one in live.vocabulary.models.values() if one.unique_id == fields.table), None)
    if model is None or model.name not in live.relations:
        return BrokenRows(trouble=_("It is no model of the live version here: only dbt looks at it."))
    column = model.column(fields.column) if fields.column else None
    promise, wrong = promise_of(fields.promise, type_=column.type if column else "any")
    unfinished = not fields.promise.of_table and column is None
    if promise is None or wrong or unfinished or typing_problems(fields):
        return BrokenRows()
    try:
        return _found(rule_of(fields, promise), column.name if column else "", model, live)
    except (BisyncError, Refused, Unsupported) as exc:
        return BrokenRows(trouble=str(exc))


def _found(rule: QualityRule, column: str, model: Model, live: Reading) -> BrokenRows:
    key = live.vocabulary.keys.get(model.name, "")
    asked = Asked(
        relation=live.relations[model.name],
        relations=live.relations,
        dialect=live.dialect,
        compiles=compiler(live.vocabulary, model.name, live.dialect),
        shown=(key,) if key else (),
    )
    count, sample = broken_sql(rule, column, asked)
    rows = ask(live, count).rows
    number = int(str(rows[0][0])) if rows else 0
    examples = ask(live, sample, limit=EXAMPLES) if number else None
    return BrokenRows(number, examples, count)
