"""Drafts about a model that was pulled and is not built yet: it can be chosen, and stays chosen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from proposals.actions import authoring
from proposals.models import Proposal
from proposals.preview import NOT_BUILT
from semantic.business_rules import BusinessRuleFields
from semantic.calculation import CalculationFields
from semantic.elements import DimensionFields, MeasureFields
from semantic.fields import Fields, MetricFields
from tests.proposals.story import Story
from tests.ready import Ready

pytestmark = pytest.mark.django_db

NEW = "model.shop.fct_returns"


def pulled(story: Story, ready: Ready, new: bool = True) -> None:
    """As after the pull of a commit with one model more, or with that one gone again."""
    manifest = ready.manifest
    like = manifest["nodes"]["model.shop.fct_visits"]
    names = {"name": "fct_returns", "alias": "fct_returns", "unique_id": NEW}
    columns = {name: {"name": name, "data_type": kind} for name, kind in (("a", "integer"), ("d", "date"))}
    if new:
        manifest["nodes"][NEW] = {**like, **names, "columns": columns}
        manifest["parent_map"][NEW] = []
    ready.snapshot_of(story.project, manifest)


@pytest.mark.parametrize(
    ("kind", "fields", "typed", "told"),
    [
        ("dimension", DimensionFields(model=NEW, label="Kind", expr="a"), {"type": "categorical"}, ""),
        ("measure", MeasureFields(model=NEW, label="Pieces", expr="a"), {"agg": "sum"}, ""),
        ("calculation", CalculationFields(model=NEW, label="Twice", formula="a * 2"), {}, NOT_BUILT),
        (
            "rule",
            BusinessRuleFields(
                model="fct_returns", label="Size", text="size is big when a is more than 2, otherwise small"
            ),
            {},
            "IF(a &gt; 2",
        ),
        (
            "metric",
            MetricFields(model="fct_returns", label="Returns", formula="SUM(a)", time="d"),
            {},
            NOT_BUILT,
        ),
    ],
    ids=["dimension", "measure", "calculation", "rule", "metric"],
)
def test_a_model_that_is_not_built_yet_stays_in_a_draft(
    story: Story,
    ready: Ready,
    client: Client,
    kind: str,
    fields: Fields,
    typed: dict[str, Any],
    told: str,
) -> None:
    pulled(story, ready)
    proposal = authoring.proposal_open(project=story.project, author=story.maya, kind=kind, suggested=fields)
    item = proposal.items.get()
    model = str(item.revision.fields["model"])
    assert model.endswith("fct_returns")
    client.force_login(story.maya)

    def shown() -> bool:
        page = client.get(address("proposal-edit", proposal)).content.decode()
        (choices,) = re.findall(r'<select[^>]* name="model".*?</select>', page, re.S)
        return f'<option value="{model}" selected>' in choices

    assert shown()
    sent = {name: value for name, value in fields.to_json().items() if isinstance(value, str)}
    saved = {**sent, **typed, "version": item.revision.version}
    assert client.post(address("proposal-save", proposal), saved).status_code == 200
    assert proposal.items.get().revision.fields["model"] == model
    panel = client.post(address("proposal-preview", proposal), saved).content.decode()
    assert str(told) in panel
    pulled(story, ready, new=False)
    assert shown()
    gone = {**saved, "version": proposal.items.get().revision.version}
    assert client.post(address("proposal-save", proposal), gone).status_code == 200
    assert proposal.items.get().revision.fields["model"] == model


def address(name: str, proposal: Proposal) -> str:
    return reverse(name, args=[proposal.project.slug, proposal.target.slug, proposal.number])
