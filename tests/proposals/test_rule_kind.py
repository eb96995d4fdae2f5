"""A business rule that dbt has, as something to propose a change of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from governance.models import User
from proposals.forms import FORMS
from proposals.forms.base import FormNames
from proposals.kinds import KINDS, CannotGenerate
from proposals.kinds.described import FilesOfAPackage
from proposals.kinds.rule import NotChangedHere
from semantic.business_rules import BusinessRuleFields, RuleExample
from semantic.known import Known
from semantic.merge import merge
from tests.semantic.codegen.sql_models.projects import PROJECTS
from tests.semantic.codegen.sql_models.rules_there import changed_in, with_rule

pytestmark = pytest.mark.pure

LABS, RULE = PROJECTS["labs"], KINDS["rule"]
FIELDS = BusinessRuleFields(
    name="worth",
    label="Worth",
    description="Who is worth it.",
    model="dim_customers",
    text="customer is gold when orders in 90 days is at least 3, otherwise plain",
    examples=(
        RuleExample((("orders_90d", "3"),), "gold"),
        RuleExample((("orders_90d", "2"),), "plain"),
    ),
    owner="Maya Chen",
)
SAM = User(name="Sam")


@pytest.fixture(scope="module")
def there() -> tuple[Known, str]:
    return with_rule(LABS, FIELDS)


@pytest.fixture
def base(there: tuple[Known, str]) -> BusinessRuleFields:
    begun, base = RULE.begun(there[1], there[0], SAM)
    assert begun == base
    assert isinstance(base, BusinessRuleFields)
    return base


def test_a_draft_begins_with_what_dbt_says(there: tuple[Known, str], base: BusinessRuleFields) -> None:
    assert replace(base, name="worth") == FIELDS
    assert RULE.unique_id(there[1], there[0]) == there[1]
    assert (RULE.verb(base), RULE.unique_id("worth", there[0])) == ("Change", "")
    assert RULE.said(there[1], there[0]) == base
    assert RULE.reads_as(base, there[0]) == FIELDS.text


def test_what_is_no_rule_of_the_project_is_not_changed_here(there: tuple[Known, str]) -> None:
    with pytest.raises(NotChangedHere, match="dim_customers is no rule that can be changed here"):
        RULE.begun("model.shop.dim_customers", there[0], SAM)
    with pytest.raises(NotChangedHere):
        RULE.begun("metric:revenue", there[0], SAM)
    elsewhere = Known(there[0].names, lambda: there[0].manifest, lambda: there[0].files)
    elsewhere.manifest.parts.metadata["project_name"] = "other"
    try:
        with pytest.raises(FilesOfAPackage):
            RULE.begun(there[1], elsewhere, SAM)
    finally:
        elsewhere.manifest.parts.metadata["project_name"] = "shop"


def test_its_name_and_what_it_is_about_stay(base: BusinessRuleFields) -> None:
    typed = replace(base, name="other", model="fct_orders", label="Value")
    assert RULE.complete(typed, base) == replace(base, label="Value")
    form = FORMS["rule"](
        {"label": "Value", "model": "fct_orders"}, known=FormNames(LABS.vocabulary, ()), base=base
    )
    assert "model" not in form.fields


def test_a_suggestion_goes_over_what_dbt_says(base: BusinessRuleFields) -> None:
    told = RULE.over(base, BusinessRuleFields(description="Better.", why="So."), base)
    assert told == replace(base, description="Better.", why="So.")
    text = "IF(orders_90d > 3, 'gold', 'plain')"
    told = RULE.over(base, BusinessRuleFields(written="formula", text=text), base)
    assert (told.written, told.text, told.examples) == ("formula", text, base.examples)


def test_an_unchanged_rule_is_not_sent(there: tuple[Known, str], base: BusinessRuleFields) -> None:
    nothing = ["Nothing is changed yet: all of this is what dbt says already."]
    assert RULE.sending_problems(base, there[0], base) == {"text": nothing}
    spelled = replace(base, written="formula", text="IF(orders_90d >= 3, 'gold', 'plain')")
    assert RULE.sending_problems(spelled, there[0], base) == {}
    with pytest.raises(CannotGenerate, match="Nothing is changed yet"):
        RULE.compiled(spelled, there[0], dialect="duckdb", base=base)
    code = RULE.compiled(spelled, there[0], dialect="duckdb", base=base, settled={"edits": [], "uses": {}})
    assert (code.changes, code.models) == ((), ())


def test_another_threshold_needs_examples_that_hold(
    there: tuple[Known, str], base: BusinessRuleFields
) -> None:
    stricter = replace(base, text=FIELDS.text.replace("3", "4"))
    told = RULE.sending_problems(stricter, there[0], base)
    assert told["examples"] == [
        "Example 1: when orders in 90 days is 3, the rule says “plain” and the example “gold”."
    ]
    held = replace(stricter, examples=(RuleExample((("orders_90d", "4"),), "gold"), base.examples[1]))
    assert RULE.sending_problems(held, there[0], base) == {}
    assert RULE.asked(held, base) == ["text", "examples"]
    assert RULE.compiled(held, there[0], dialect="duckdb", base=base).models == ("dim_worth",)


def test_words_that_dbt_has_already_are_not_judged_again(base: BusinessRuleFields) -> None:
    odd = replace(base, description="See {{ this }}.")
    assert RULE.typing_problems(replace(odd, label="Value"), odd) == {}
    assert RULE.typing_problems(odd, base).keys() == {"description"}


def test_sql_that_somebody_changed_is_told_before_anything_is_sent(
    there: tuple[Known, str], base: BusinessRuleFields
) -> None:
    path = "models/marts/core/dim_worth.sql"
    known = changed_in(there[0], LABS, path, "orders_90d >= 3", "orders_90d >= 7")
    with pytest.raises(CannotGenerate, match="have the file put back as it was, and pull"):
        RULE.compiled(replace(base, text=FIELDS.text.replace("3", "4")), known, dialect="duckdb", base=base)
    words = RULE.compiled(replace(base, description="Better."), known, dialect="duckdb", base=base)
    assert words.changes


def test_what_dbt_changed_beside_it_is_taken_over_and_the_approval_stays(
    there: tuple[Known, str], base: BusinessRuleFields
) -> None:
    examples = (RuleExample((("orders_90d", "4"),), "gold"), base.examples[1])
    ours = replace(base, text=FIELDS.text.replace("3", "4"), examples=examples)
    code = RULE.compiled(ours, there[0], dialect="duckdb", base=base)
    path = "models/marts/core/dim_worth.yml"
    known = changed_in(there[0], LABS, path, "description: Who is worth it.", "description: Who is loyal.")
    theirs = RULE.said(there[1], known)
    assert isinstance(theirs, BusinessRuleFields)
    found = merge(base.agreed(), ours.agreed(), theirs.agreed())
    assert (found.taken, found.clashes) == (("description",), {})

    fields = BusinessRuleFields.from_json({**ours.to_json(), **found.values})
    now = BusinessRuleFields.from_json({**base.to_json(), **found.base})
    assert fields.hash_since(now) == ours.hash_since(base)
    again = RULE.compiled(fields, known, dialect="duckdb", base=now, settled=code.entries)
    assert again.entries == code.entries


def test_its_own_unit_test_is_told_in_words(base: BusinessRuleFields) -> None:
    node = {"name": "dim_worth__examples", "message": "expected gold"}
    assert RULE.failed(base, node) == (
        "The examples of Worth do not come out in dbt as the rule says. expected gold"
    )
