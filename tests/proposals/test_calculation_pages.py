"""The form of a calculation: what it shows, what it refuses, and what it never hands to dbt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from django.urls import reverse

from bisync.lib.errors import InvalidInput
from environments.models import Environment
from governance.models import Project, User
from governance.roles import Role
from proposals import generate
from proposals.actions import authoring
from proposals.forms.calculation import CalculationForm
from proposals.kinds import KINDS, CannotGenerate
from proposals.models import Proposal
from semantic.calculation import NEW, QUERY, CalculationFields
from semantic.codegen.metrics import Compiled
from semantic.fields import MetricFields
from tests.factories import make_environment, make_member, make_project
from tests.hostile.texts import CANARY, MARKER, TEXTS, harm
from tests.ready import Ready
from workspace.repositories import mirror_of

pytestmark = pytest.mark.django_db

KIND = KINDS["calculation"]
ORDERS = "model.shop.fct_orders"
COLUMN = CalculationFields(
    label="Net of discount",
    model=ORDERS,
    formula="net_amount - discount",
    description="What is left after the discount.",
    place=NEW,
)
PASTED = CalculationFields(
    way=QUERY,
    called="fct_amounts",
    sql="SELECT customer_id, sum(net_amount) AS amount\nFROM fct_orders\nGROUP BY 1;",
    description="One row for each customer.",
    key="customer_id",
    words="amount: What they paid.",
)


@dataclass
class Shop:
    project: Project
    production: Environment
    maya: User

    def told(self, fields: CalculationFields) -> dict[str, list[str]]:
        """What sending would refuse."""
        fields = KIND.complete(fields, None)
        return KIND.sending_problems(fields, generate.known_in(self.project, self.production), None)

    def code(self, fields: CalculationFields) -> Compiled:
        known = generate.known_in(self.project, self.production)
        return KIND.compiled(KIND.complete(fields, None), known, dialect="duckdb", base=None)

    def drafted(self, fields: CalculationFields) -> Proposal:
        proposal = authoring.proposal_open(project=self.project, author=self.maya, kind="calculation")
        authoring.draft_save(item=proposal.items.get(), fields=fields, version=1, actor=self.maya)
        return proposal

    def address(self, name: str, proposal: Proposal) -> str:
        return reverse(name, args=[self.project.slug, self.production.slug, proposal.number])


@pytest.fixture
def shop(ready: Ready, tmp_path: Path, data_dir: Path) -> Shop:
    project = make_project(url=ready.origin(tmp_path / "git").url)
    ready.pulled(project)
    mirror_of(project.repository).fetch()
    production = make_environment(project)
    ready.live(production)
    production.refresh_from_db()
    return Shop(project, production, make_member(project, Role.CONTRIBUTOR, name="Maya Chen"))


def test_a_model_that_cannot_take_the_column_says_why_and_gets_one_beside_it(shop: Shop) -> None:
    told = shop.told(replace(COLUMN, place=""))
    assert list(told) == ["place"]
    assert "takes all its columns by a *" in told["place"][0]
    assert "Put it into a model of its own instead" in told["place"][0]

    assert shop.told(COLUMN) == {}
    code = shop.code(COLUMN)
    assert code.models == ("fct_orders_net_of_discount",)
    assert code.after is not None
    made = code.after.models["fct_orders_net_of_discount"]
    assert [column.name for column in made.columns] == [
        "order_id",
        "net_amount",
        "discount",
        "net_of_discount",
    ]
    assert code.after.keys[made.name] == "order_id"


def test_what_is_missing_is_said_beside_its_field(shop: Shop) -> None:
    assert set(shop.told(CalculationFields())) == {"label", "description", "model"}
    assert set(shop.told(CalculationFields(way=QUERY))) == {"called", "sql", "description"}
    assert set(shop.told(replace(COLUMN, formula="SUM(net_amount)"))) == {"formula"}
    assert set(shop.told(replace(COLUMN, formula=""))) == {"formula"}
    assert set(shop.told(replace(COLUMN, label="Select"))) == {"label"}
    assert set(shop.told(replace(COLUMN, label="Discount", place=""))) == {"label"}
    assert set(shop.told(replace(COLUMN, key="no_such"))) == {"key"}
    assert set(shop.told(replace(COLUMN, model="model.shop.fct_visits"))) == {"formula", "key"}
    assert set(shop.told(replace(COLUMN, called="fct_visits"))) == {"called"}
    assert set(shop.told(replace(COLUMN, description="{{ this }}"))) == {"description"}
    assert set(shop.told(replace(PASTED, folder="../elsewhere"))) == {"folder"}
    assert set(shop.told(replace(PASTED, key="no_such"))) == {"key"}
    assert set(shop.told(replace(PASTED, words="no_such: What?"))) == {"words"}
    assert "a colon" in shop.told(replace(PASTED, words="What they paid."))["words"][0]
    assert set(shop.told(replace(PASTED, sql="select 1 as a from nowhere"))) == {"sql"}


def test_a_pasted_query_becomes_a_model_with_its_words_and_the_tests_of_its_key(shop: Shop) -> None:
    assert shop.told(PASTED) == {}
    code = shop.code(PASTED)

    model = code.entries["edits"][0]
    assert model["sql"] == (
        "with fct_orders as (\n    select * from {{ ref('fct_orders') }}\n)\n\n"
        "select\n    customer_id,\n    sum(net_amount) as amount\nfrom fct_orders\ngroup by 1\n"
    )
    as_pasted = shop.code(replace(PASTED, layout="pasted")).entries["edits"][0]
    assert as_pasted["sql"] == (
        "SELECT customer_id, sum(net_amount) AS amount\nFROM {{ ref('fct_orders') }}\nGROUP BY 1\n"
    )
    assert as_pasted["properties"] == model["properties"]
    key, amount = model["properties"]["entry"]["columns"]
    assert [*key.values()][-1] == ["unique", "not_null"]
    assert amount == {"name": "amount", "description": "What they paid."}
    assert "name: fct_amounts" in code.yaml_preview
    assert code.models == ("fct_amounts",)


@pytest.mark.parametrize(
    "sql",
    [
        "select order_id from fct_orders; drop table fct_orders",
        "select '{{ env_var('CANARY') }}' as a from fct_orders",
        "{% set found = run_query('drop table fct_orders') %}select order_id from fct_orders",
        "select order_id from {{ ref(env_var('CANARY')) }}",
        "select order_id from {{ ref('fct_orders') | upper }}",
        "select order_id from {{ ref('fct_orders').include(database=env_var('CANARY')) }}",
        "select order_id from fct_orders -- {{ env_var('CANARY') }}",
        "{# nothing #} select order_id from fct_orders",
        "select '{%' as a from fct_orders",
        "delete from fct_orders",
        "with gone as (delete from fct_orders returning order_id) select order_id from gone",
        "create table x as select order_id from fct_orders",
        "select order_id into x from fct_orders",
        "copy fct_orders to '/tmp/x'",
        "select order_id from read_csv('/etc/passwd')",
        "select order_id from '/etc/passwd'",
        "select content as order_id from read_text('/etc/passwd')",
        "select o.order_id from fct_orders as o, lateral pg_ls_dir('.') as l",
        "select pg_read_file('/etc/passwd') as order_id from fct_orders",
        "select query_to_xml('drop table x', true, true, '') as order_id from fct_orders",
        "select json_execute_serialized_sql('x') as order_id from fct_orders",
        "select getenv('CANARY') as order_id from fct_orders",
        "select tools.list_everything() as order_id from fct_orders",
        "select (select max(name) from duckdb_secrets()) as order_id from fct_orders",
        "",
    ],
)
def test_a_pasted_text_that_is_not_one_query_of_what_dbt_knows_is_kept_and_never_written(
    shop: Shop, sql: str
) -> None:
    fields = replace(PASTED, sql=sql, key="", words="")
    assert set(shop.told(fields)) == {"sql"}
    with pytest.raises(CannotGenerate):
        shop.code(fields)
    proposal = shop.drafted(fields)
    assert proposal.items.get().revision.content == KIND.complete(fields, None)
    with pytest.raises(InvalidInput):
        authoring.proposal_submit(proposal=proposal, actor=shop.maya)


def test_the_form_shows_values_blanks_the_sql_and_what_is_missing(shop: Shop, client: Client) -> None:
    proposal = shop.drafted(COLUMN)
    client.force_login(shop.maya)

    page = client.get(shop.address("proposal-edit", proposal)).content.decode()
    for said in (
        "2 of 6 rows are blank",
        "models/fct_orders_net_of_discount.sql",
        "Everything that reviewers need is there.",
        "Reads as",
        '<span class="chip chip-info">net amount</span>',
    ):
        assert said in page, said
    typed: dict[str, Any] = {
        "label": "Share",
        "model": ORDERS,
        "formula": "discount / SUM(discount)",
        "version": 2,
    }
    parts = client.post(shop.address("proposal-preview", proposal), typed).content.decode()
    assert "A value of each row holds no totals" in parts
    assert "preview-rows-box" not in parts  # the last good values stay


def test_the_form_of_a_query_shows_the_model_that_it_becomes(shop: Shop, client: Client) -> None:
    proposal = shop.drafted(PASTED)
    client.force_login(shop.maya)

    page = client.get(shop.address("proposal-edit", proposal)).content.decode()
    assert "<h1>Paste a query</h1>" in page
    assert "models/fct_amounts.sql" in page
    assert "id_formula" not in page
    assert "How this project writes its models" in page
    two = {"way": "query", "sql": PASTED.sql, "called": "fct_two", "key": "customer_id, amount"}
    two["description"] = "One row for each customer and amount."
    parts = client.post(shop.address("proposal-preview", proposal), {**two, "version": 2}).content.decode()
    assert "models/fct_two.sql" in parts
    assert "bisync_unique_together" in parts
    assert "bisync_tests.sql" not in parts  # it is the same in every project
    typed = {"way": "query", "sql": PASTED.sql, "layout": "pasted", "version": 2, "act": "save"}
    assert client.post(shop.address("proposal-save", proposal), typed).status_code == 200
    assert proposal.items.get().revision.content.layout == "pasted"
    refused = {"way": "query", "sql": "select {{ this }}", "version": 3, "act": "send"}
    answer = client.post(shop.address("proposal-edit", proposal), refused)
    assert answer.status_code == 422
    assert "is Jinja" in answer.content.decode()


def test_a_long_query_is_kept_and_one_that_cannot_be_is_no_reason_to_send_the_last_one(
    shop: Shop, client: Client
) -> None:
    proposal = shop.drafted(PASTED)
    client.force_login(shop.maya)
    typed = {name: str(value) for name, value in PASTED.to_json().items() if isinstance(value, str)}
    long = f"{PASTED.sql.rstrip(';')} -- {'as it was exported ' * 2_000}"
    assert shop.told(replace(PASTED, sql=long)) == {}

    address = shop.address("proposal-save", proposal)
    assert client.post(address, {**typed, "sql": long, "version": 2}).status_code == 200
    assert proposal.items.get().revision.fields["sql"] == long.strip()
    sent = {**typed, "sql": f"{long} {'x' * 100_000}", "version": 3, "act": "send"}
    answer = client.post(shop.address("proposal-edit", proposal), sent)

    assert answer.status_code == 422
    assert "100,000 is the most" in answer.content.decode()
    proposal.refresh_from_db()
    assert proposal.status == "draft"


def test_a_machine_without_the_repository_says_so(ready: Ready, data_dir: Path) -> None:
    project = make_project(url="https://git.example.com/shop.git")
    ready.pulled(project)
    shop = Shop(project, make_environment(project), make_member(project, Role.CONTRIBUTOR))
    for fields, field in ((COLUMN, "formula"), (PASTED, "sql")):
        assert list(shop.told(fields)) == [field]


def test_a_calculation_begins_with_its_model_and_with_no_other(shop: Shop, client: Client) -> None:
    client.force_login(shop.maya)
    address = reverse("propose", args=[shop.project.slug, shop.production.slug])
    node = reverse("node", args=[shop.project.slug, ORDERS])
    assert f"{address}?kind=calculation&amp;model={ORDERS}" in client.get(node).content.decode()
    client.post(address, {"kind": "calculation", "model": ORDERS})
    begun = Proposal.objects.get().items.get().revision.content
    assert isinstance(begun, CalculationFields)
    assert begun.model == ORDERS
    with pytest.raises(InvalidInput):
        authoring.proposal_open(
            project=shop.project, author=shop.maya, kind="calculation", changing="model.shop.none"
        )


def test_the_form_of_a_metric_knows_the_column_that_comes_with_it(shop: Shop, client: Client) -> None:
    client.force_login(shop.maya)
    proposal = authoring.proposal_open(
        project=shop.project, author=shop.maya, kind="calculation", suggested=replace(COLUMN, key="order_id")
    )
    fields = MetricFields(label="What is left", formula="SUM(net_of_discount)")
    item = authoring.item_add(proposal=proposal, kind="metric", actor=shop.maya, suggested=fields)
    place = [shop.project.slug, shop.production.slug, proposal.number, item.pk]

    shown = client.get(reverse("proposal-edit", args=place)).context

    assert shown["preview"].analysis.ok
    assert "this proposal brings first" in shown["preview"].trouble


def test_the_form_of_a_calculation_knows_what_the_proposal_brings_before_it(
    shop: Shop, client: Client
) -> None:
    client.force_login(shop.maya)
    proposal = authoring.proposal_open(
        project=shop.project, author=shop.maya, kind="calculation", suggested=replace(COLUMN, key="order_id")
    )
    half = replace(COLUMN, label="Half", model=f"{ORDERS}_net_of_discount", formula="net_of_discount / 2")
    item = authoring.item_add(proposal=proposal, kind="calculation", actor=shop.maya, suggested=half)
    place = [shop.project.slug, shop.production.slug, proposal.number, item.pk]

    shown = client.get(reverse("proposal-edit", args=place)).context["shown"]

    assert shown.analysis.ok
    assert [chip.text for chip in shown.chips] == ["net of discount", "÷", "2"]
    assert "this proposal brings first" in shown.trouble


def test_a_second_calculation_sees_the_files_of_the_first(shop: Shop) -> None:
    known = generate.known_in(shop.project, shop.production)
    code = shop.code(COLUMN)
    after = known.having(code.after, code.changes)

    assert "models/fct_orders_net_of_discount.sql" in after.files
    assert "fct_orders_net_of_discount" in after.files["models/schema.yml"]
    told = KIND.sending_problems(KIND.complete(COLUMN, None), after, None)
    assert list(told) == ["called"]
    assert "fct_orders_net_of_discount" not in "".join(known.files)


def test_words_that_may_be_written_arrive_in_the_files_as_they_are(shop: Shop) -> None:
    files = generate.known_in(shop.project, shop.production).files
    written = 0
    for label, text in TEXTS.items():
        for fields in (COLUMN, PASTED):
            said = replace(fields, description=text.strip())
            if shop.told(said):
                continue
            edits = generate.file_edits(
                [shop.code(said)], lambda path: files[path].encode() if path in files else None
            )
            (properties,) = (edit.after for edit in edits if edit.path.endswith(".yml"))
            made = yaml.safe_load(properties)["models"][-1]
            told = made["columns"][-1]["description"] if fields is COLUMN else made["description"]
            assert told == text.strip(), label
            assert all(
                text.strip() not in edit.after.decode() for edit in edits if edit.path.endswith(".sql")
            )
            written += 1
    assert written > 40


@pytest.mark.slow
@pytest.mark.parametrize("way", ["", QUERY])
def test_a_hostile_text_in_every_field_is_kept_as_text_or_refused(
    shop: Shop, client: Client, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    MARKER.unlink(missing_ok=True)
    proposal = shop.drafted(replace(COLUMN, way=way, place=""))
    client.force_login(shop.maya)
    address = shop.address("proposal-edit", proposal)
    named = {name for name in CalculationForm.base_fields if name not in {"version", "way"}}
    faults = []
    for label, text in TEXTS.items():
        typed = dict.fromkeys(named, text) | {"way": way, "act": "send"}
        typed |= {} if way else {"model": ORDERS, "place": ""}
        version = proposal.items.get().revision.version
        answer = client.post(address, {**typed, "version": version})
        assert proposal.items.get().revision.state == "draft", label
        found = harm(answer.content.decode())
        faults += [f"{label}: {answer.status_code} {found}"] if found or answer.status_code != 422 else []
    assert faults == []
    assert not MARKER.exists()
