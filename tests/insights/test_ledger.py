"""The ledger: who owns each field of a thing, since when, and what is written without effect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from catalog.models import Node
from insights.ledger import Place, ledger_of
from proposals.actions import publishing
from tests.proposals.story import FIELDS, Story
from workspace.actions import pull_request
from workspace.repositories import mirror_of

pytestmark = pytest.mark.django_db(transaction=True)


def places(story: Story, unique_id: str) -> dict[tuple[str, str], tuple[Place, ...]]:
    ledger = ledger_of(Node.objects.get(project=story.project, unique_id=unique_id))
    assert ledger.problems == ()
    return {(line.column, line.field): line.places for line in (*ledger.lines, *ledger.columns)}


def shown(found: tuple[Place, ...]) -> Iterator[tuple[str, str, str, bool]]:
    for place in found:
        yield place.owner, place.value, place.where, bool(place.masked)


def pull(story: Story, files: dict[str, str | None], message: str) -> None:
    story.origin.commit(files, message)
    pull_request(project=story.project, actor=story.priya)
    story.work()


def test_each_field_is_owned_by_the_line_that_sets_it_and_by_whoever_wrote_it(story: Story) -> None:
    found = places(story, "model.shop.fct_orders")

    description = found["", "description"][0]
    assert description.where == "models/schema.yml:15"
    assert description.commit is not None
    assert description.commit.subject == "shop: Add the project."
    assert description.since == description.commit.at
    assert list(shown(found["", "materialized"])) == [("dbt", "table", "dbt_project.yml:5", False)]
    assert found["", "code"][0].where == "models/fct_orders.sql"
    # The types are nobody's but the warehouse's.
    amount = found["net_amount", "data_type"][0]
    assert amount.owner == "warehouse"
    assert amount.version == story.production.live
    assert found["status", "description"][0].where == "models/schema.yml:20"


@pytest.mark.dbt
def test_what_does_not_count_is_shown_with_what_masks_it(story: Story) -> None:
    text = story.git("show", "main:models/schema.yml") + "\n"
    text = text.replace("      - name: status\n", "      - name: status\n        data_type: integer\n")
    text = text.replace("each order.\n", "each order.\n    config: {materialized: view}\n")
    code = story.git("show", "main:models/fct_orders.sql") + "\n"
    code = "{{ config(materialized='table') }}\n" + code
    pull(story, {"models/schema.yml": text, "models/fct_orders.sql": code}, "orders: Set it thrice.")

    found = places(story, "model.shop.fct_orders")

    assert list(shown(found["", "materialized"])) == [
        ("dbt", "table", "models/fct_orders.sql:1", False),
        ("dbt", "view", "models/schema.yml:16", True),
        ("dbt", "table", "dbt_project.yml:5", True),
    ]
    assert "models/fct_orders.sql:1" in str(found["", "materialized"][1].masked)
    types = found["status", "data_type"]
    assert [(one.owner, one.value, bool(one.masked)) for one in types] == [
        ("warehouse", "VARCHAR", False),
        ("dbt", "integer", True),
    ]
    commits = {one.commit.subject for one in found["", "materialized"] if one.commit}
    assert commits == {"orders: Set it thrice.", "shop: Add the project."}


@pytest.mark.dbt
def test_what_bisync_pushed_is_owned_by_its_proposal_until_somebody_writes_over_it(
    story: Story, client: Client
) -> None:
    proposal = story.approved()
    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    story.work()
    proposal.refresh_from_db()

    found = places(story, "metric.shop.discount_share")

    label = found["", "label"][0]
    assert (label.owner, label.proposal, label.value) == ("proposal", proposal, FIELDS.label)
    assert label.commit is not None
    assert label.commit.sha == proposal.published_commit
    formula = found["", "meta.bisync.formula"]
    assert [place.masked for place in formula] == [""]

    # A commit may claim what it likes: only the one that was published counts.
    text = story.git("show", f"main:{label.file}") + "\n"
    text = text.replace("label: Discount share\n", "label: Share of discounts\n")
    above, name, own = text.partition("- name: discount_share\n")
    own = own.replace("numerator: discount_share_numerator", "numerator: revenue")
    own = own.replace("denominator: revenue", "denominator: discount_share_numerator")
    claim = f"metrics: Turn it round.\n\nBisync-Proposal: {story.project.slug}#{proposal.number}\n"
    pull(story, {label.file: above + name + own}, claim)

    found = places(story, "metric.shop.discount_share")

    assert found["", "label"][0].owner == "dbt"
    assert found["", "description"][0].owner == "proposal"
    (formula_now,) = found["", "meta.bisync.formula"]
    assert "revenue / SUM(discount)" in str(formula_now.masked)

    client.force_login(story.tom)
    page = client.get(f"/{story.project.slug}/catalogue/metric.shop.discount_share/owners/").content.decode()
    assert f"Proposal #{proposal.number} by Maya Chen" in page
    assert "masked by the metric" in page


@pytest.mark.dbt
def test_code_that_cannot_be_read_and_annotations_that_are_off_own_nothing(story: Story) -> None:
    code = story.git("show", "main:models/fct_visits.sql") + "\n"
    off = "{{ config(omni_sync=false) }}\n{# {{ omni_dimension('device') }} #}\n"
    pull(story, {"models/fct_visits.sql": off + code}, "visits: Say no.")
    found = places(story, "model.shop.fct_visits")
    assert found["", "omni_sync"][0].where == "models/fct_visits.sql:1"
    assert ("device", "annotation") not in found

    story.project.snapshots.update(
        commit=story.origin.commit({"models/fct_visits.sql": "{{ ("}, "x: Break it.")
    )
    story.project.repository.refresh_from_db()
    mirror_of(story.project.repository).fetch()
    ledger = ledger_of(Node.objects.get(project=story.project, unique_id="model.shop.fct_visits"))
    assert [str(one) for one in ledger.problems] == [
        "What models/fct_visits.sql sets is not known here: it cannot be read."
    ]


def see(story: Story, files: dict[str, str | None], message: str) -> None:
    """Commit, and let the catalogue stand at that commit as it is."""
    story.origin.commit(files, message)
    stand(story, story.origin.head())


def stand(story: Story, commit: str) -> None:
    story.project.snapshots.update(commit=commit)
    mirror_of(story.project.repository).fetch()


def test_a_model_in_python_is_read_as_python(story: Story) -> None:
    code = "def model(dbt, session):\n    dbt.config(materialized='table')\n    return dbt.ref('x')\n"
    see(story, {"models/scores.py": code, "models/broken.py": "def model("}, "scores: Add them.")
    node = Node.objects.get(project=story.project, unique_id="model.shop.fct_orders")
    node.path, node.patch_path = "models/scores.py", ""

    ledger = ledger_of(node)
    found = {line.field: line.places for line in ledger.lines}

    assert ledger.problems == ()
    assert next(shown(found["materialized"])) == ("dbt", "table", "models/scores.py:2", False)
    assert found["materialized"][0].commit.subject == "scores: Add them."
    assert found["code"][0].where == "models/scores.py"
    node.path = "models/broken.py"
    assert "models/broken.py sets is not known" in str(ledger_of(node).problems[0])


def test_of_two_commits_of_one_second_the_later_one_owns_the_field(story: Story) -> None:
    schema = "models/schema.yml"
    text = story.git("show", f"main:{schema}") + "\n"
    first = text.replace(
        "description: One row for each order.", "description: >\n      One row\n      for each order."
    )
    for content, message in ((first, "First."), (first.replace("for each order", "for an order"), "Second.")):
        story.origin.commit({schema: content}, message)
        commit = story.origin.date()
    stand(story, commit)

    owner = places(story, "model.shop.fct_orders")["", "description"][0].commit

    assert owner is not None
    assert owner.subject == "Second."


def test_commits_that_the_repository_asks_to_ignore_own_nothing(story: Story, client: Client) -> None:
    schema, code = "models/schema.yml", "models/fct_orders.sql"
    text, select = (story.git("show", f"main:{file}") + "\n" for file in (schema, code))
    files = {
        schema: text.replace("description: One row for each order.", "description: 'One row for each order.'")
    }
    robot = story.origin.commit({**files, code: select.upper()}, "all: Format.")
    node = Node.objects.get(project=story.project, unique_id="model.shop.fct_orders")
    see(story, {".git-blame-ignore-revs": f"{robot}\n"}, "all: Say that it was formatted.")

    found = places(story, node.unique_id)

    for field in ("description", "code"):
        commit = found["", field][0].commit
        assert commit is not None
        assert commit.subject == "shop: Add the project."
    see(story, {".git-blame-ignore-revs": "the last one\n"}, "all: Say it badly.")
    client.force_login(story.tom)
    page = client.get(f"/{story.project.slug}/catalogue/{node.unique_id}/owners/").content.decode()
    assert ".git-blame-ignore-revs is passed over: line 1 is no commit hash" in page
    assert "all: Format." in page


def test_what_cannot_be_found_out_is_told(story: Story) -> None:
    node = Node.objects.get(project=story.project, unique_id="model.shop.fct_orders")
    node.package = "elsewhere"
    assert "package elsewhere" in str(ledger_of(node).problems[0])
    assert not any(line.field == "materialized" for line in ledger_of(node).lines)
    # Strange meta of a metric is nobody's formula.
    metric = Node.objects.get(project=story.project, unique_id="metric.shop.revenue")
    metric.meta = {"bisync": "yes", "bisync.formula": "SUM(x)"}
    assert ledger_of(metric).problems == ()

    story.project.repository.mirror_path.rename(story.project.repository.mirror_path.with_suffix(".away"))
    node.package = "shop"
    ledger = ledger_of(node)
    assert len(ledger.problems) == 1
    assert "copy of the repository" in str(ledger.problems[0])
    # What the warehouse says is known all the same.
    assert [line.column for line in ledger.columns if line.field == "data_type"]
