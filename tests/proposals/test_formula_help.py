from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from bisync.lib import highlight
from governance.models import Project
from governance.roles import Role
from semantic.formula.registry import FUNCTIONS
from semantic.handbook.functions import elsewhere
from semantic.handbook.rules import RULES
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db

EDITOR = Path(__file__).parents[2] / "static/js/formula.js"


@pytest.fixture
def project() -> Project:
    return make_project(slug="shop")


@pytest.fixture
def reader(project: Project) -> Client:
    client = Client()
    client.force_login(make_member(project, Role.CONTRIBUTOR))
    return client


def shown(client: Client, search: str = "", **headers: str) -> str:
    answer = client.get(reverse("formulas", args=["shop"]), {"q": search} if search else {}, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def functions_in(html: str) -> list[str]:
    return re.findall(r'<tr id="(\w+)"', html)


def test_every_function_and_every_rule_has_a_place_of_its_own(reader: Client) -> None:
    html = shown(reader)

    assert sorted(functions_in(html)) == sorted(function.name for function in FUNCTIONS)
    for function in FUNCTIONS:
        assert html.count(f'id="{function.name}"') == 1
        assert f'href="#{function.name}"' in html
        assert all(alias in html for alias in function.aliases)
    assert all(f'id="{rule.slug}"' in html for rule in RULES)
    assert all(name in html for one in elsewhere() for name in one.names)
    assert len(re.findall(r'\sid="', html)) == len(set(re.findall(r'\sid="([^"]+)"', html)))


def test_a_function_is_found_by_any_name_and_shows_its_example_in_colours_and_words(reader: Client) -> None:
    html = shown(reader, "mean")

    assert functions_in(html)[0] == "AVERAGE"
    assert '<span class="f">AVERAGE</span>(amount)' in html
    assert "Average amount." in html
    assert "MEAN" in html


def test_names_from_elsewhere_are_answered_with_what_to_do(reader: Client) -> None:
    html = shown(reader, "vlookup")

    assert functions_in(html) == []
    assert "customers.tier" in html
    assert "1 result for “vlookup”" in html


def test_a_rule_is_found_by_its_words(reader: Client) -> None:
    assert 'id="names"' in shown(reader, "square brackets")


def test_what_is_not_found_is_guessed_or_said(reader: Client) -> None:
    assert 'href="/shop/formulas/?q=SUM"' in shown(reader, "SUMM")
    assert "Nothing fits" in shown(reader, "<b>zzz")
    assert "<b>zzz" not in shown(reader, "<b>zzz")


def test_while_one_types_only_what_was_found_comes(reader: Client) -> None:
    html = shown(reader, "sumif", **{"HX-Request": "true"})

    assert html.strip().startswith('<div id="found"')
    assert functions_in(html) == ["SUMIF"]


def test_strangers_do_not_get_in(project: Project) -> None:
    assert Client().get("/shop/formulas/").status_code == 302


@pytest.mark.parametrize(
    ("formula", "parts"),
    [
        (
            "SUM([Net amount]) WHERE status = 'it''s' AND x > 10.5%",
            {"f": "SUM", "fld": "[Net amount]", "s": "'it''s'", "n": "10.5%", "k": "WHERE"},
        ),
        ("COUNTIF(DATE '2026-01-01' = DATE(2026))", {"k": "DATE", "f": "DATE"}),
        ("NOT (x CONTAINS 'a' AND CONTAINS(x, 'b'))", {"k": "CONTAINS", "f": "CONTAINS"}),
        ('COUNT (DISTINCT a.b) & "open', {"f": "COUNT", "k": "DISTINCT", "s": '"open'}),
    ],
)
def test_a_formula_is_cut_into_coloured_parts_and_stays_the_same(formula: str, parts: dict[str, str]) -> None:
    found = list(highlight.pieces(formula, "formula"))

    assert "".join(text for _css, text in found) == formula
    for css, text in parts.items():
        assert (css, text) in found


def test_pages_and_the_editor_colour_by_the_same_words_and_the_same_pattern() -> None:
    script = EDITOR.read_text(encoding="utf-8")
    called = re.search(r"CALLED = new Set\((.*?)\.split", script)
    words = re.search(r"KEYWORDS = new Set\((.*?)\.split", script, re.DOTALL)
    pattern = re.search(r"TOKENS = /(.*)/gu;", script)
    assert called
    assert words
    assert pattern

    assert set(re.findall(r"[A-Z]+", called[1])) == highlight._CALLED
    assert (
        set(re.findall(r"[A-Z]{2,}", words[1])) - {"CALLED"} == highlight._FORMULA_WORDS - highlight._CALLED
    )
    same = pattern[1].replace(r"[\p{L}_][\p{L}\p{N}_.]*", r"[^\W\d][\w.]*")
    assert same == highlight._FORMULA.pattern


def test_the_palette_goes_there(reader: Client) -> None:
    assert 'href="/shop/formulas/"' in reader.get("/shop/search/", {"q": "formula func"}).content.decode()
