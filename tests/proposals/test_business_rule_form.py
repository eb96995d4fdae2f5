"""The form of a business rule: its three spellings, its grids without JavaScript, what it says while one types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from governance.models import Project
from governance.roles import Role
from proposals.models import Proposal
from semantic.business_rules import BusinessRuleFields
from tests.factories import make_member, make_project
from tests.ready import Ready

pytestmark = [pytest.mark.django_db, pytest.mark.dbt]

SENTENCE = "order is big when quantity is more than 2, otherwise small"
TYPED: dict[str, Any] = {
    "label": "Order size",
    "description": "Which orders need two people to pack.",
    "model": "fct_orders",
    "written": "sentence",
    "text": SENTENCE,
    "owner": "Maya Chen",
    "why": "Packing asks.",
}
EXAMPLES = {"asked": ["quantity"], "given": ["3", "2"], "expected": ["big", "small"]}


class Writing:
    """A draft of a rule that somebody writes in a browser without JavaScript."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.client = Client()
        self.client.force_login(make_member(project, Role.CONTRIBUTOR, name="Maya Chen"))
        self.client.post(
            reverse("propose", args=[project.slug, "prod"]), {"kind": "rule", "model": "fct_orders"}
        )
        self.place = [project.slug, "prod", Proposal.objects.get(project=project).number]

    @property
    def content(self) -> BusinessRuleFields:
        content = Proposal.objects.get(project=self.project).items.get().revision.content
        assert isinstance(content, BusinessRuleFields)
        return content

    def post(self, act: str = "save", view: str = "proposal-edit", **typed: Any) -> HttpResponse:
        version = Proposal.objects.get(project=self.project).items.get().revision.version
        sent = {**TYPED, **typed, "act": act, "version": str(version)}
        answer: HttpResponse = self.client.post(reverse(view, args=self.place), sent)
        return answer


@pytest.fixture
def writing(ready: Ready, data_dir: Path, tmp_path: Path) -> Writing:
    project = make_project(url=ready.origin(tmp_path / "git").url, slug="shop")
    ready.connected(project)
    return Writing(project)


def test_a_rule_begins_on_the_page_of_its_model(writing: Writing) -> None:
    address = reverse("node", args=["shop", "model.shop.fct_orders"])
    page = writing.client.get(address).content.decode()

    assert f"{reverse('propose', args=['shop', 'prod'])}?kind=rule&amp;model=fct_orders" in page
    assert writing.content.model == "fct_orders"
    assert writing.content.owner == "Maya Chen"


def test_a_sentence_turns_into_a_table_and_a_formula_and_back(writing: Writing) -> None:
    writing.post("as:table")
    content = writing.content
    assert content.written == "table"
    assert (content.table.inputs, content.table.rows[0].cells, content.table.otherwise) == (
        ("quantity",),
        ("> 2",),
        "small",
    )
    grid = {
        "written": "table",
        "inputs": ["quantity"],
        "cells": ["> 2"],
        "outcomes": ["big"],
        "otherwise": "small",
    }
    writing.post("as:formula", **grid)
    assert writing.content.text == "IF(quantity > 2, 'big', 'small')"
    writing.post("as:sentence", written="formula", text=writing.content.text)
    assert writing.content.text == SENTENCE


def test_rows_and_columns_of_a_table_come_and_go_by_buttons(writing: Writing) -> None:
    grid: dict[str, Any] = {"written": "table", "inputs": ["quantity"], "cells": ["> 2"], "outcomes": ["big"]}

    writing.post("row+", **grid)
    assert [row.cells for row in writing.content.table.rows] == [("> 2",), ("",)]
    grid |= {"cells": ["> 2", "-"], "outcomes": ["big", "small"]}
    writing.post("column+", **grid)
    assert [row.cells for row in writing.content.table.rows] == [("> 2", ""), ("-", "")]
    grid |= {"inputs": ["quantity", "status"], "cells": ["> 2", "-", "-", "completed"]}
    page = writing.post("column-:0", **grid).content.decode()
    assert [row.cells for row in writing.content.table.rows] == [("-",), ("completed",)]
    assert 'aria-label="Row 2, field 1"' in page
    writing.post("row-:0", **grid)
    assert [row.outcome for row in writing.content.table.rows] == ["small"]


@pytest.mark.parametrize(
    ("act", "control"),
    [
        ("row+", 'aria-label="Row 3, field 1"'),
        ("row-:0", 'value="row+"'),
        ("column+", 'id="id_input_3"'),
        ("column-:0", 'value="column+"'),
        ("as:table", 'value="as:table"'),
        ("save", ""),
    ],
)
def test_whoever_works_with_the_keyboard_goes_on_where_the_button_changed_something(
    writing: Writing, act: str, control: str
) -> None:
    grid: dict[str, Any] = {
        "written": "table",
        "inputs": ["quantity", "status"],
        "outcomes": ["big", "small"],
    }

    page = writing.post(act, **grid, cells=["> 2", "-", "-", "completed"]).content.decode()

    form = page.partition('id="proposal"')[2].partition("</form>")[0]
    focused = [tag for tag in re.findall(r"<(?:input|button)[^>]*>", form) if " autofocus" in tag]
    assert len(focused) == bool(control)
    assert all(control in tag for tag in focused)


def test_an_offered_example_is_confirmed_by_its_button(writing: Writing) -> None:
    page = writing.post().content.decode()
    assert "quantity is 3 → ?" in page
    assert "Yes, “big”" in page

    writing.post("example+:0")
    assert [str(one) for one in writing.content.examples] == ["quantity: 3 → big"]
    writing.post("example-:0", asked=["quantity"], given=["3", ""], expected=["big", ""])
    assert writing.content.examples == ()


def test_the_panel_says_what_the_rule_does_to_real_rows_and_what_would_be_written(writing: Writing) -> None:
    page = writing.post("preview", view="proposal-preview", **EXAMPLES).content.decode()

    assert "IF(quantity &gt; 2, &#x27;big&#x27;, &#x27;small&#x27;)" in page
    assert "No row matches: quantity is at most 2. The outcome is “small” then." in page
    assert "4 rows are like this today." in page
    assert "models/fct_order_size.sql" in page
    assert "fct_order_size__examples" in page
    assert "Everything that reviewers need is there." in page


def test_a_wrong_example_is_told_with_what_the_rule_says_of_it(writing: Writing) -> None:
    wrong = {"asked": ["quantity"], "given": ["3", "2"], "expected": ["small", "small"]}
    answer = writing.post("send", **wrong)
    page = answer.content.decode()

    assert answer.status_code == 422
    assert "Example 1: when quantity is 3, the rule says “big” and the example “small”." in page
    assert "There is no example yet of “big”." in page


def test_and_beside_or_is_a_choice_of_two_readings(writing: Writing) -> None:
    mixed = "order is big when quantity is more than 2 and status is completed or is gift, otherwise small"
    page = writing.post(text=mixed).content.decode()
    assert page.count('name="fix"') == 2

    reading = mixed.replace(
        "quantity is more than 2 and status is completed", "(quantity is more than 2 and status is completed)"
    )
    writing.post(fix=reading, text=mixed)
    assert writing.content.text == reading


def test_what_is_wrong_with_a_cell_is_told_at_its_place(writing: Writing) -> None:
    grid = {"written": "table", "inputs": ["quantity", "status"], "cells": ["> 2", "-", "lots", "-"]}
    answer = writing.post("send", **grid, outcomes=["big", "small"])

    assert answer.status_code == 422
    assert "Row 2, quantity: " in answer.content.decode()


def test_rows_that_contradict_each_other_are_not_sent(writing: Writing) -> None:
    grid = {"written": "table", "inputs": ["quantity"], "cells": ["> 2", "> 2"], "outcomes": ["big", "small"]}
    page = writing.post("send", **grid).content.decode()

    assert "Rows 1 and 2 ask the same. Row 1 says “big”, row 2 says “small”." in page


def test_what_dbt_would_run_as_a_template_is_refused_beside_its_field(writing: Writing) -> None:
    answer = writing.post(
        "send", description="{{ env_var('HOME') }}", text="order is {{ x }} when quantity is 1"
    )

    assert answer.status_code == 422
    assert {"description", "text"} <= answer.context["form"].errors.keys()  # type: ignore[attr-defined]


def test_an_empty_table_may_become_a_sentence_again_and_nothing_that_was_written_is_lost(
    writing: Writing,
) -> None:
    writing.post("as:table", text="")
    assert writing.content.table.inputs == ("",)
    empty = {"written": "table", "inputs": [""], "cells": [""], "outcomes": [""]}
    writing.post("as:sentence", **empty)
    assert writing.content.written == "sentence"

    answer = writing.post("as:table", text="order is what we say")
    assert (writing.content.written, writing.content.text) == ("sentence", "order is what we say")
    assert answer.status_code == 422
    (told,) = answer.context["form"].errors["text"]  # type: ignore[attr-defined]
    assert told.endswith("It is shown as a table once it can be read.")

    decided = "IF(quantity > 2, status, 'small')"
    answer = writing.post("as:sentence", written="formula", text=decided)
    assert (writing.content.written, writing.content.text) == ("formula", decided)
    (told,) = answer.context["form"].errors["text"]  # type: ignore[attr-defined]
    assert told.startswith("This rule cannot be said as a sentence, because ")


@pytest.mark.parametrize(
    "typed",
    [
        {"act": "row-:99999"},
        {"act": "column-:x"},
        {"act": "as:{{ x }}"},
        {"act": "example+:500"},
        {
            "written": "table",
            "inputs": ["quantity", "{{ x }}"],
            "cells": ["> 1"],
            "outcomes": ["a", "b", "c"],
        },
        {"asked": ["a", "b"], "given": ["1"], "expected": ["x", "y"]},
        {"key": ",".join(["k"] * 500)},
        {"written": "script", "output": "none", "hit_policy": "none"},
    ],
    ids=str,
)
def test_a_form_that_no_page_sends_is_answered_and_sent_nowhere(
    writing: Writing, typed: dict[str, Any]
) -> None:
    for act in (typed.get("act", "save"), "send"):
        assert writing.post(**{**typed, "act": act}).status_code in {200, 422}
    assert Proposal.objects.get(project=writing.project).status == "draft"
