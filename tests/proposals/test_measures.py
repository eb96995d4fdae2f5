"""From a measure that a model's SQL annotates to the beginning of a metric."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Column, Node
from tests.proposals.story import Story

pytestmark = pytest.mark.django_db(transaction=True)


def address(story: Story, column: str) -> str:
    return reverse("propose-measure", args=[story.project.slug, "model.shop.fct_visits", column])


def annotate(story: Story, column: str, **annotation: str) -> None:
    node = Node.objects.get(project=story.project, unique_id="model.shop.fct_visits")
    fields = {"annotation": annotation}
    Column.objects.create(node=node, name=column, position=9, description="How long.", fields=fields)


def test_a_measure_begins_a_metric_with_its_words_its_total_and_its_only_date(
    story: Story, client: Client
) -> None:
    annotate(story, "minutes", kind="measure", agg="avg")
    annotate(story, "device", kind="dimension")
    client.force_login(story.maya)

    page = client.get(f"/{story.project.slug}/catalogue/model.shop.fct_visits/").content.decode()
    answer = client.get(address(story, "minutes"))

    assert page.count("Make it a metric") == 1
    assert "Measure: avg" in page
    assert parse_qs(urlsplit(answer["Location"]).query) == {
        "label": ["Minutes"],
        "meaning": ["How long."],
        "formula": ["AVERAGE(minutes)"],
        "model": ["fct_visits"],
        "time": ["visited_on"],
    }
    client.post(answer["Location"], parse_qs(urlsplit(answer["Location"]).query))
    fields = story.project.proposals.get().items.get().revision.metric
    assert (fields.meaning, fields.formula, fields.time) == ("How long.", "AVERAGE(minutes)", "visited_on")


def test_a_name_is_whatever_the_sql_says_and_a_key_of_the_yaml_is_no_annotation(
    story: Story, client: Client
) -> None:
    annotate(story, "net/gross", kind="measure", agg="sum")
    node = Node.objects.get(project=story.project, unique_id="model.shop.fct_visits")
    for number, told in enumerate(["sensitive", ["a"], {"owner": "x"}, {"kind": "other", "agg": 1}]):
        Column.objects.create(node=node, name=f"c{number}", position=20, fields={"annotation": told})
    client.force_login(story.maya)

    page = client.get(f"/{story.project.slug}/catalogue/model.shop.fct_visits/")

    assert page.status_code == 200
    assert page.content.decode().count("Make it a metric") == 1
    answer = client.get(address(story, "net/gross"))
    assert parse_qs(urlsplit(answer["Location"]).query)["formula"] == ["SUM([net/gross])"]


@pytest.mark.parametrize(
    ("column", "annotation"),
    [
        ("minutes", {"kind": "measure", "agg": "sum of squares"}),
        ("minutes", {"kind": "measure"}),
        ("minutes", {"kind": "dimension"}),
        ("nothing", {"kind": "measure", "agg": "sum"}),
    ],
)
def test_what_is_no_total_begins_nothing(
    story: Story, client: Client, column: str, annotation: dict[str, str]
) -> None:
    annotate(story, "minutes", **annotation)
    client.force_login(story.maya)

    page = client.get(f"/{story.project.slug}/catalogue/model.shop.fct_visits/").content.decode()

    assert client.get(address(story, column)).status_code == 404
    assert page.count("Make it a metric") == (column == "nothing")
