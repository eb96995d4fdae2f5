"""A rule that dbt has, read back and changed: the lines that say it differently, and no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from difflib import unified_diff
from typing import Any

import pytest

from semantic.business_rules import BusinessRuleFields, RuleExample
from semantic.codegen.business_rules import understood
from semantic.codegen.entries import Refused, parts
from semantic.codegen.metrics import Compiled
from semantic.codegen.rule_changes import compile_rule_change
from semantic.codegen.rule_reading import rule_said, rule_there
from semantic.codegen.sql_models.rewriting import Rewrite, same_query
from semantic.known import Known
from semantic.rules.tables import Row, Table
from tests.semantic.codegen.sql_models.projects import PROJECTS, Styled
from tests.semantic.codegen.sql_models.rules_there import changed_in, known_by, with_rule, written

pytestmark = pytest.mark.pure

LABS = PROJECTS["labs"]
SQL, YML = "models/marts/core/dim_worth.sql", "models/marts/core/dim_worth.yml"
UID = "model.shop.dim_worth"
SENTENCE = "customer is gold when orders in 90 days is at least 3 and is vip is yes, otherwise plain"


def examples(fields: BusinessRuleFields, styled: Styled, *rows: tuple[str, ...]) -> tuple[RuleExample, ...]:
    """Rows of values in the order of the rule's inputs, the outcome last."""
    inputs = understood(fields, styled.vocabulary).inputs
    pairs = ([(one.text, value) for one, value in zip(inputs, row[:-1], strict=True)] for row in rows)
    return tuple(RuleExample(tuple(sorted(told)), row[-1]) for told, row in zip(pairs, rows, strict=True))


def worth(styled: Styled = LABS, text: str = SENTENCE, *rows: tuple[str, ...]) -> BusinessRuleFields:
    model = next(name for name in ("dim_customers", "customers") if name in styled.vocabulary.models)
    written_as = "formula" if text.startswith("IF") else "sentence"
    fields = BusinessRuleFields(
        name="worth",
        label="Worth",
        description="Who is worth it.",
        model=model,
        written=written_as,  # type: ignore[arg-type]
        text=text,
        owner="Maya Chen",
    )
    return replace(fields, examples=examples(fields, styled, *(rows or WORTH)))


WORTH = (("3", "yes", "gold"), ("2", "no", "plain"), ("blank", "blank", "plain"))
LATE = "IF(DATEDIFF(last_order_on, TODAY()) > 60, 'late', 'fine')"


def said(known: Known, uid: str = UID) -> BusinessRuleFields:
    found = rule_said(uid, known)
    assert found is not None
    return found


def lines(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The lines that go and come, without where."""
    found = []
    for path in after:
        one, other = before.get(path, "").split("\n"), after[path].split("\n")
        changes = unified_diff(one, other, n=0, lineterm="")
        found += [line for line in changes if not line.startswith(("---", "+++", "@@"))]
    return [f"{line[0]} {line[1:].strip()}" for line in found]


def compiled(known: Known, base: BusinessRuleFields, **to: Any) -> Compiled:
    return compile_rule_change(base, replace(base, **to), known, dialect="duckdb")


def test_what_was_published_is_read_back(styled: Styled) -> None:
    for fields in (worth(styled), worth(styled, LATE, ("61", "late"), ("blank", "fine"))):
        known, uid = with_rule(styled, fields)
        found = said(known, uid)

        assert found.name == uid
        assert (found.label, found.owner, found.model) == (fields.label, "Maya Chen", fields.model)
        assert (found.description, found.column_description) == ("Who is worth it.", "")
        assert understood(found, styled.vocabulary).case == understood(fields, styled.vocabulary).case
        assert len(found.examples) == len(fields.examples)
        assert found.key == ()
        again = rule_there(uid, known)
        assert again is not None
        assert again.column == "worth"


@pytest.fixture(params=list(PROJECTS))
def styled(request: pytest.FixtureRequest) -> Styled:
    found: Styled = PROJECTS[request.param]
    return found


def test_another_threshold_and_example_change_their_own_lines_in_any_style(styled: Styled) -> None:
    known, uid = with_rule(styled, worth(styled))
    base = said(known, uid)
    to = SENTENCE.replace("at least 3", "at least 4")
    rows = (("4", "yes", "gold"), *WORTH[1:])
    code = compiled(known, base, text=to, examples=examples(replace(base, text=to), styled, *rows))
    after = written(code, known.files)

    case = "WHEN orders_90d >= {} AND is_vip THEN 'gold'"
    upper = any("WHEN" in text for path, text in after.items() if path.endswith(".sql"))
    changed = lines(known.files, after)
    assert sorted(changed) == sorted(
        line
        for sign, count in (("-", 3), ("+", 4))
        for line in (
            f"{sign} {(case if upper else case.replace('WHEN', 'when').replace('AND', 'and').replace('THEN', 'then')).format(count)}",
            f"{sign} rule: {SENTENCE.replace('at least 3', f'at least {count}')}",
            f"{sign} - {{orders_90d: {count}, is_vip: true}}",
            f"{sign} - {{orders_90d: {count}, is_vip: true, worth: gold}}",
        )
    )
    assert code.models == (uid.rpartition(".")[2],)
    assert json.loads(json.dumps(code.entries)) == code.entries
    assert said(known_by(after, styled), uid).text == to


def test_words_alone_change_no_sql_and_build_nothing() -> None:
    known, uid = with_rule(LABS, worth())
    code = compiled(known, said(known, uid), description="Whom we treat well.", owner="Tom", label="Value")

    assert code.models == ()
    assert lines(known.files, written(code, known.files)) == [
        "- description: Who is worth it.",
        "+ description: Whom we treat well.",
        "- label: Worth",
        "- owner: Maya Chen",
        "+ label: Value",
        "+ owner: Tom",
        "- description: Who is worth it.",
        "+ description: Whom we treat well.",
    ]


def test_another_outcome_is_accepted_from_then_on_and_what_else_is_said_of_the_test_stays() -> None:
    known, uid = with_rule(LABS, worth())
    test = "      - name: worth\n        description: Who is worth it.\n        data_tests:\n          - accepted_values:\n"
    known = changed_in(known, LABS, YML, test, f"{test}              config: {{severity: warn}}  # for now\n")
    base = said(known, uid)
    text = f"{SENTENCE.removesuffix('plain')}bronze"
    rows = tuple((*row[:-1], row[-1].replace("plain", "bronze")) for row in WORTH)
    code = compiled(known, base, text=text, examples=examples(replace(base, text=text), LABS, *rows))
    after = written(code, known.files)

    assert "config: {severity: warn}  # for now" in after[YML]
    assert {"- values: [gold, plain]", "+ values: [gold, bronze]", "- else 'plain'", "+ else 'bronze'"} <= {
        *lines(known.files, after)
    }
    assert not [line for line in lines(known.files, after) if "not_null" in line]


def test_accepted_values_that_somebody_took_out_are_not_put_back() -> None:
    known, uid = with_rule(LABS, worth())
    whole = known.files[YML]
    start = whole.index("          - accepted_values:")
    end = whole.index("          - not_null", start)
    known = known_by({**known.files, YML: whole[:start] + whole[end:]}, LABS)
    code = compiled(known, said(known, uid), text=SENTENCE.replace("plain", "bronze"), examples=())

    assert "accepted_values" not in written(code, known.files)[YML]


def test_a_rule_with_a_calculation_gets_a_model_for_it() -> None:
    known, uid = with_rule(LABS, worth())
    base = said(known, uid)
    code = compiled(
        known,
        base,
        written="formula",
        text=LATE,
        examples=examples(
            replace(base, written="formula", text=LATE), LABS, ("61", "late"), ("blank", "fine")
        ),
    )
    after = written(code, known.files)

    assert set(after) - set(known.files) == {
        "models/intermediate/core/int_worth_inputs.sql",
        "models/intermediate/core/int_worth_inputs.yml",
    }
    assert "ref('int_worth_inputs')" in after[SQL]
    assert "ref('int_worth_inputs')" in after[YML]
    assert "is_vip" not in after[YML]
    assert {"int_worth_inputs", "dim_worth"} == {*code.models}
    now = known_by(after, LABS)
    assert (
        understood(said(now, uid), LABS.vocabulary).case
        == understood(worth(LABS, LATE, ("1", "late")), LABS.vocabulary).case
    )
    # And back: the model of its inputs stays, since others may read it by now.
    back = compiled(now, said(now, uid), written="sentence", text=SENTENCE, examples=base.examples)
    again = written(back, now.files)
    assert set(again) == set(after)
    assert said(known_by(again, LABS), uid).examples == base.examples


def test_comments_and_a_config_around_the_query_stay() -> None:
    known, uid = with_rule(LABS, worth())
    above = "-- asked for by packing\n{{ config(tags=['packing']) }}\n\n"
    known = known_by({**known.files, SQL: f"{above}{known.files[SQL]}\n-- the end\n"}, LABS)
    code = compiled(known, said(known, uid), text=SENTENCE.replace("3", "5"))
    after = written(code, known.files)[SQL]

    assert after.startswith(above)
    assert after.endswith("\n-- the end\n")
    assert "orders_90d >= 5" in after


def test_line_ends_stay_as_they_are() -> None:
    known, uid = with_rule(LABS, worth())
    known = known_by({**known.files, SQL: known.files[SQL].replace("\n", "\r\n")}, LABS)
    after = written(compiled(known, said(known, uid), text=SENTENCE.replace("3", "5")), known.files)[SQL]

    assert after.count("\r\n") == after.count("\n") == known.files[SQL].count("\n")


def test_a_query_in_another_layout_is_the_same_one() -> None:
    known, uid = with_rule(LABS, worth())
    flat = " ".join(known.files[SQL].split()) + "\n"
    known = known_by({**known.files, SQL: flat.replace("ref('dim_customers')", 'ref("dim_customers")')}, LABS)
    after = written(compiled(known, said(known, uid), text=SENTENCE.replace("3", "5")), known.files)[SQL]

    assert "orders_90d >= 5" in after
    assert "\n" in after.strip()


def test_columns_may_stand_in_another_order_in_the_properties() -> None:
    known, uid = with_rule(LABS, worth())
    vip, orders = (
        "      - name: is_vip\n",
        "      - name: orders_90d\n        description: Orders in 90 days\n",
    )
    text = known.files[YML]
    orders = orders if orders in text else "      - name: orders_90d\n"
    known = known_by({**known.files, YML: text.replace(vip, "").replace(orders, vip + orders)}, LABS)

    assert compiled(known, said(known, uid), text=SENTENCE.replace("3", "5")).changes


@pytest.mark.parametrize(
    ("path", "was", "now", "why"),
    [
        (SQL, "orders_90d >= 3", "orders_90d >= 3 or true", "The SQL of this rule was changed in dbt"),
        (SQL, "is_vip,", "is_vip, -- by hand", "The SQL of this rule was changed in dbt"),
        (SQL, "from dim_customers", "from dim_customers {{ more() }}", "The SQL of this rule was changed in dbt"),
        (YML, "values: [gold, plain]", "values: [gold, other]", "accepted values of worth were changed"),
        (YML, "{orders_90d: 2, is_vip: false}", "{orders_90d: 2, is_vip: false, tier: x}", "in a way that Bisync does not"),
        (YML, "      - name: is_vip\n", "      - name: is_vip\n        data_tests: [not_null]\n", "dbt tests that column"),
    ],
)  # fmt: skip
def test_what_somebody_changed_by_hand_is_not_written_over(path: str, was: str, now: str, why: str) -> None:
    known, uid = with_rule(LABS, worth())
    known = changed_in(known, LABS, path, was, now)
    base = said(known, uid)
    text = "customer is gold when orders in 90 days is at least 5, otherwise bronze"

    with pytest.raises(Refused, match=why):
        compiled(
            known,
            base,
            text=text,
            examples=examples(replace(base, text=text), LABS, ("5", "gold"), ("4", "bronze")),
        )


def test_what_dbt_brought_meanwhile_is_left_out_and_what_it_brought_elsewhere_is_refused() -> None:
    known, uid = with_rule(LABS, worth())
    base = said(known, uid)
    wanted = replace(base, text=SENTENCE.replace("3", "4"), description="Whom we treat well.")
    code = compile_rule_change(base, wanted, known, dialect="duckdb")

    half = compiled(known, base, description="Whom we treat well.")
    rest = compile_rule_change(base, wanted, known_by(written(half, known.files), LABS), dialect="duckdb")
    assert parts(rest.entries) < parts(code.entries)
    assert rest.changes
    none = compile_rule_change(base, wanted, known_by(written(code, known.files), LABS), dialect="duckdb")
    assert (none.changes, none.entries["edits"]) == ((), [])

    other = written(compiled(known, base, text=SENTENCE.replace("3", "9")), known.files)
    with pytest.raises(Refused, match="The text of Worth was changed in dbt meanwhile"):
        compile_rule_change(base, wanted, known_by(other, LABS), dialect="duckdb")
    described = written(compiled(known, base, owner="Tom"), known.files)
    beside = compile_rule_change(base, wanted, known_by(described, LABS), dialect="duckdb")
    assert parts(beside.entries) == parts(code.entries)


def test_the_same_rule_in_another_spelling_is_no_change() -> None:
    known, uid = with_rule(LABS, worth())
    formula = "IF(orders_90d >= 3 AND is_vip = TRUE, 'gold', 'plain')"

    assert compiled(known, said(known, uid), written="formula", text=formula).changes == ()


def test_a_table_comes_back_as_the_sentence_that_says_it() -> None:
    table = Table(("tier", "orders_90d"), (Row(("gold", "> 2"), "call"), Row(("-", "> 2"), "write")), "wait")
    fields = replace(worth(), written="table", table=table, examples=())
    known, uid = with_rule(LABS, fields)
    base = said(known, uid)

    assert base.written == "sentence"
    assert base.text.startswith("customer is call when tier is gold and orders in 90 days is more than 2")
    more = replace(table, rows=(Row(("gold", "> 5"), "call"), table.rows[1]))
    code = compile_rule_change(base, replace(base, written="table", table=more), known, dialect="duckdb")
    assert "orders_90d > 5" in written(code, known.files)[SQL]


@pytest.mark.parametrize("values", [("7", "2026-01-31", "yes", "12.5", "gold"), ("blank",) * 5])
def test_values_of_every_type_are_read_back(values: tuple[str, ...]) -> None:
    text = (
        "IF(orders_90d > 1 AND last_order_on > DATE '2026-01-01' AND is_vip AND lifetime_value > 1.5 "
        "AND tier = 'gold', 1, 0)"
    )
    fields = worth(LABS, text, (*values, "1"), ("0", "2025-01-01", "no", "-1.5", "it's", "0"))
    known, uid = with_rule(LABS, fields)

    assert said(known, uid).examples == fields.examples


def test_examples_in_sql_are_read_back_and_changed() -> None:
    known, uid = with_rule(LABS, worth())
    rows = known.files[YML][known.files[YML].index("    given:") : known.files[YML].index("    expect:")]
    sql = (
        "    given:\n      - input: ref('dim_customers')\n        format: sql\n        rows: |\n"
        "          select cast(3 as bigint) as orders_90d, cast(true as boolean) as is_vip\n"
        "          union all\n          select cast(2 as bigint) as orders_90d, cast(false as boolean) as is_vip\n"
        "          union all\n          select cast(null as bigint) as orders_90d, cast(null as boolean) as is_vip\n"
    )
    known = changed_in(known, LABS, YML, rows, sql)

    assert said(known, uid).examples == worth().examples


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("rule: customer", "said: customer"),
        ("{orders_90d: 3, is_vip: true}", "{orders_90d: many, is_vip: true}"),
        ("        - {orders_90d: 2, is_vip: false, worth: plain}\n", ""),
    ],
)
def test_what_cannot_be_read_is_no_rule_to_change(was: str, now: str) -> None:
    known, uid = with_rule(LABS, worth())

    assert rule_said(uid, changed_in(known, LABS, YML, was, now)) is None
    assert rule_said("model.shop.dim_customers", known) is None
    assert rule_said("worth", known) is None


@pytest.mark.parametrize(
    ("fields", "was", "now", "line"),
    [
        (worth(), "3", "4", "when orders_90d >= 4 and is_vip then 'gold'"),
        (
            worth(LABS, LATE, ("61", "late"), ("blank", "fine")),
            "60",
            "90",
            "when the_number_of_days_from_last_order_on_to_today > 90 then 'late'",
        ),
    ],
    ids=["a sentence", "a calculation"],
)
def test_other_names_of_columns_for_people_leave_the_rule_as_it_is(
    fields: BusinessRuleFields, was: str, now: str, line: str
) -> None:
    """A sentence names columns by their labels, and so do the columns of what a rule calculates."""
    known, uid = with_rule(LABS, fields)
    names = LABS.vocabulary
    model = names.models["dim_customers"]
    labels = {"orders_90d": "Orders lately", "last_order_on": "Newest order"}
    columns = tuple(replace(one, label=labels.get(one.name, one.label)) for one in model.columns)
    other = replace(names, models={**names.models, model.name: replace(model, columns=columns)})
    later = Known(other, lambda: known.manifest, lambda: known.files)

    base = said(later, uid)
    assert base.written == "formula"
    assert understood(base, other).case == understood(fields, names).case
    assert base.examples == said(known, uid).examples
    code = compiled(later, base, text=base.text.replace(was, now))
    assert f"+ {line}" in lines(known.files, written(code, known.files))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("select a from {{ ref('x') }}", 'SELECT a\nFROM {{ref("x")}}', True),
        ("select a from {{ ref('x') }}", "select a from {{ ref('y') }}", False),
        ("select a from {{ ref('x') }}", "select a -- b\nfrom {{ ref('x') }}", False),
        ("select a from {{ ref('x') }}", "select a from {{ x() }}", False),
        ("select a from {{ ref('x') }}", "select (", False),
    ],
)
def test_queries_are_the_same_to_a_parser(one: str, other: str, *, same: bool) -> None:
    assert same_query(one, other, "duckdb") is same


def test_a_file_that_says_it_already_is_not_touched() -> None:
    edit = Rewrite("select 1 as a\n", "select 2 as a\n", "duckdb")

    assert edit.apply("select 2  as a") == "select 2  as a"
    assert edit.apply("-- two\nselect 1 as a\n") == "-- two\nselect 2 as a\n"
    with pytest.raises(Refused, match="Change it there as well"):
        edit.apply("select 3 as a")


def test_examples_of_a_model_without_a_relation_are_changed_as_sql() -> None:
    fields = worth()
    path = "models/marts/core/dim_customers.yml"
    whole = {**LABS.files, path: LABS.files[path].replace("- name: dim_customers", EPHEMERAL)}
    styled = replace(LABS, files=whole)
    known, uid = with_rule(styled, fields)
    assert "format: sql" in known.files[YML]
    base = said(known, uid)
    assert base.examples == fields.examples

    text = SENTENCE.replace("3", "4")
    rows = examples(replace(base, text=text), LABS, ("4", "yes", "gold"), *WORTH[1:])
    after = written(compiled(known, base, text=text, examples=rows), known.files)
    assert said(known_by(after, styled), uid).examples == rows
    assert len(lines(known.files, after)) == 8


EPHEMERAL = "- name: dim_customers\n    config:\n      materialized: ephemeral"
