"""Data quality rules on pages, in the API and in the search: what they promise, and how they ended."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import SearchEntry
from catalog.outcomes import Found, keep
from catalog.search import index
from governance.models import Project
from governance.roles import Role
from tests.catalog.test_catalogue_pages import pulled
from tests.factories import make_member, make_project
from tests.programs import Program
from tests.ready import Ready
from workspace.models import Run

pytestmark = pytest.mark.django_db

ORDERS = "model.shop.fct_orders"
SOURCE = "source.shop.landing.payments"


def a_test(name: str, kind: str, column: str = "", node: str = ORDERS, **more: Any) -> dict[str, Any]:
    space, _, bare = kind.rpartition(".")
    return {
        "unique_id": f"test.shop.{name}",
        "resource_type": "test",
        "name": name,
        "package_name": "shop",
        "original_file_path": "models/_models.yml",
        "attached_node": node,
        "column_name": column or None,
        "test_metadata": {"name": bare, "namespace": space or None, "kwargs": more.pop("kwargs", {})},
        "depends_on": {"nodes": [node], "macros": []},
        "config": {"severity": "ERROR", **more},
    }


def with_rules(manifest: dict[str, Any]) -> dict[str, Any]:
    """The shop with rules of many kinds: packages' tests, a contract, a source, a metric's promise."""
    manifest["groups"] = {"group.shop.sales": {"name": "sales", "owner": {"name": "Maya Chen"}}}
    orders = manifest["nodes"][ORDERS]
    orders |= {"group": "sales", "contract": {"enforced": True}}
    orders["constraints"] = [{"type": "primary_key", "columns": ["order_id"]}]
    orders["columns"]["status"]["constraints"] = [{"type": "not_null"}]
    tests = [
        a_test("paid", "dbt_utils.expression_is_true", kwargs={"expression": "net_amount >= discount * 2"}),
        a_test("amount", "dbt_utils.accepted_range", "net_amount", kwargs={"min_value": 0}, severity="WARN"),
        a_test(
            "revenue_positive",
            "bisync_metric_in_range",
            kwargs={"minimum": 0, "time_column": "ordered_at", "grain": "month"},
        ),
    ]
    manifest["nodes"] |= {test["unique_id"]: test for test in tests}
    manifest["sources"][SOURCE] = {
        "unique_id": SOURCE,
        "resource_type": "source",
        "name": "payments",
        "package_name": "shop",
        "original_file_path": "models/_sources.yml",
        "meta": {"owner": "Priya Nair"},
        "freshness": {
            "warn_after": {"count": 12, "period": "hour"},
            "error_after": {"count": 2, "period": "day"},
        },
    }
    return manifest


@pytest.fixture
def project() -> Project:
    return make_project(slug="shop")


@pytest.fixture
def run(project: Project, ready: Ready) -> Run:
    """The run that looked at some of the rules, after a pull that brought them."""
    pulled(project, with_rules(ready.manifest), "first")
    run = Run.objects.create(project=project, kind="environment.deploy", status="succeeded")
    now, by = timezone.now(), {"run": run.pk}
    found = [
        Found("test.shop.amount", "warn", now, "Got 7 results, configured to warn.", 7, by),
        Found("test.shop.revenue_positive", "pass", now, fields=by),
        Found(SOURCE, "error", now, fields=by),
    ]
    keep(project, "prod", 0, found)
    return run


@pytest.fixture
def viewer(project: Project) -> Client:
    client = Client()
    client.force_login(make_member(project, Role.VIEWER))
    return client


def sentences(client: Client, query: str = "") -> list[tuple[str, str]]:
    shown = client.get(f"/shop/quality/?{query}").context["things"]
    return [(line.name, line.kept.rule.sentence) for _key, lines in shown for line in lines]


def test_every_rule_is_listed_by_thing_with_its_result_and_where_it_is_written(
    run: Run, viewer: Client
) -> None:
    page = viewer.get("/shop/quality/").content.decode()

    listed = sentences(viewer)
    assert ("fct_orders", "net_amount is never below 0") in listed
    assert ("fct_orders", "net_amount >= discount * 2 is true in every row") in listed
    assert ("fct_orders", "no order_id appears twice, and none is blank") in listed
    assert ("fct_orders", "status is never blank") in listed
    assert ("payments", "the newest row of payments is at most 12 hours old") in listed
    assert [name for name, _sentence in listed] == sorted((name for name, _ in listed), key=str.casefold)
    assert "Got 7 results, configured to warn." in page
    assert f'href="/shop/runs/{run.pk}/"' in page
    assert "warns after 12 hours, is an error after 2 days" in page
    assert "<code>models/_sources.yml</code>" in page
    assert "<code>dbt_utils.accepted_range: amount</code>" in page
    assert "looked after by Priya Nair" in page


@pytest.mark.usefixtures("run")
def test_the_list_is_narrowed_by_kind_state_owner_domain_and_words(viewer: Client) -> None:
    assert sentences(viewer, "state=warn") == [("fct_orders", "net_amount is never below 0")]
    assert sentences(viewer, "owner=Priya+Nair&rule=freshness") == [
        ("payments", "the newest row of payments is at most 12 hours old")
    ]
    assert {name for name, _ in sentences(viewer, "domain=sales")} == {"fct_orders"}
    assert sentences(viewer, "q=discount+TRUE") == [
        ("fct_orders", "net_amount >= discount * 2 is true in every row")
    ]
    assert sentences(viewer, "rule=rubbish&state=rubbish") == sentences(viewer)
    nothing = viewer.get("/shop/quality/?q=%00nowhere").content.decode()
    assert "No rule matches" in nothing
    facets = viewer.get("/shop/quality/?state=warn").context["found"]
    assert facets.states["bad"] == 1  # what another choice would show
    assert facets.kinds == {"positive_integer": 1}


@pytest.mark.usefixtures("run")
def test_a_metric_s_promise_is_a_rule_of_the_metric_with_its_result(viewer: Client) -> None:
    listed = [sentence for name, sentence in sentences(viewer, "q=revenue_positive") if name != "fct_orders"]
    node = viewer.get("/shop/catalogue/metric.shop.revenue/").context["rules"]

    assert listed == ["revenue is never below 0, month by month"]
    assert [(kept.rule.sentence, tested.state) for kept, tested in node] == [(listed[0], "ok")]


@pytest.mark.usefixtures("run")
def test_a_thing_s_page_says_the_sentence_first_and_dbt_s_name_second(viewer: Client) -> None:
    page = viewer.get(f"/shop/catalogue/{ORDERS}/").content.decode()

    sentence, name = (
        "net_amount &gt;= discount * 2 is true in every row",
        "<code>dbt_utils.expression_is_true: paid</code>",
    )
    assert 0 < page.index(sentence) < page.index(name)
    assert "status is never blank" in page
    assert "no order_id appears twice, and none is blank" in page


@pytest.mark.usefixtures("run")
def test_programs_have_the_rule_beside_what_dbt_says(project: Project) -> None:
    program = Program(make_member(project, Role.VIEWER))

    _status, node = program.ask("GET", f"/projects/shop/nodes/{ORDERS}/")

    tests = {test["name"]: test for test in node["tests"]}
    assert tests["amount"]["kind"] == "dbt_utils.accepted_range"
    assert tests["amount"]["rule"] == "positive_integer"
    assert tests["amount"]["sentence"] == "net_amount is never below 0"
    assert tests["amount"]["parameters"] == {"minimum": 0}
    assert tests["amount"]["consequence"] == "warns"
    assert tests["paid"]["sentence"] == "net_amount >= discount * 2 is true in every row"


@pytest.mark.usefixtures("run")
def test_a_test_is_found_by_the_words_of_its_sentence(viewer: Client) -> None:
    found = viewer.get("/shop/catalogue/?q=net_amount+never+below&kind=test").context["shown"]

    assert [(entry.name, entry.label) for entry in found] == [("amount", "net_amount is never below 0")]


@pytest.mark.usefixtures("run")
def test_tests_that_were_found_by_their_names_alone_are_told_again(project: Project) -> None:
    tests = SearchEntry.objects.filter(project=project, kind="test")
    tests.filter(name="amount").update(label="")
    kept = set(tests.exclude(name="amount").values_list("pk", flat=True))

    index.bring(project)

    assert tests.get(name="amount").label == "net_amount is never below 0"
    assert set(tests.exclude(name="amount").values_list("pk", flat=True)) == kept


@pytest.mark.usefixtures("run")
def test_more_rules_take_no_more_questions(project: Project, viewer: Client, ready: Ready) -> None:
    def asked() -> int:
        viewer.get("/shop/quality/")
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get("/shop/quality/?page=2").status_code == 200
        return len(captured)

    before = asked()
    more = [a_test(f"more{n}", "unique", f"column{n}") for n in range(120)]
    manifest = with_rules(ready.manifest)
    manifest["nodes"] |= {test["unique_id"]: test for test in more}
    pulled(project, manifest, "second")
    keep(project, "prod", 0, [Found(test["unique_id"], "pass", timezone.now()) for test in more])

    assert asked() == before <= 15
    assert len(sentences(viewer, "page=2")) == 50


def test_before_a_pull_the_page_says_what_brings_rules(project: Project, viewer: Client) -> None:
    assert "No rules yet" in viewer.get(f"/{project.slug}/quality/").content.decode()
