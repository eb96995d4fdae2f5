"""What the shared templates promise, rendered as strictly as in production pages: no undefined variable."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from django import forms
from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpResponse
from django.template.loader import get_template, render_to_string
from django.urls import path

from bisync.lib.diffs import diff
from bisync.lib.errors import BisyncError, NotAllowed
from bisync.lib.log_lines import tail
from bisync.lib.shell import EnvironmentLink, NavLink, Shell


def _nowhere(_request: object) -> HttpResponse:
    return HttpResponse()


PAGES = ("notifications", "appearance", "password", "shortcuts", "sign-in", "sign-out", "system", "tokens")
urlpatterns = [path(name, _nowhere, name=name) for name in PAGES]
pytestmark = pytest.mark.urls(__name__)

NASTY = '"><script>alert(1)</script>'


@dataclass(frozen=True)
class Somebody:
    name: str = "Priya Nair"
    email: str = "priya@example.com"
    initials: str = "PN"
    avatar: str = "av-d"
    is_authenticated: bool = True
    is_superuser: bool = False

    def __str__(self) -> str:
        return self.name


def _environment(kind: str, *, current: bool = False) -> EnvironmentLink:
    return EnvironmentLink(kind, kind.capitalize(), kind, f"/e/{kind}/", "v214", current)


def _page(
    template: str = "errors/expected.html", *, kind: str = "", user: object = None, **context: object
) -> str:
    environments = tuple(_environment(k, current=k == kind) for k in ("development", "staging", "production"))
    shell = Shell(
        project_name="Northwind",
        project_url="/northwind/",
        environment=_environment(kind) if kind else None,
        environments=environments,
        nav=(
            NavLink("Metrics", "/metrics/", "sigma", current=True),
            NavLink("Proposals", "/proposals/", "rocket", "Change", 3),
        ),
        theme="dark",
    )
    everything = {
        "user": user or Somebody(),
        "shell": shell,
        "messages": [],
        "request": SimpleNamespace(id="abc123", META={"HTTP_REFERER": "/before/"}),
        "CSP_NONCE": "n0nce",
        "csrf_token": "t0ken",
        "error": NotAllowed(reason="Somebody else has to approve it."),
    }
    return render_to_string(template, everything | context)


# -- The frame ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "tone", "icon"),
    [
        ("production", "prod", "prod.svg"),
        ("staging", "staging", "staging.svg"),
        ("development", "dev", "dev.svg"),
    ],
)
def test_every_page_says_its_environment_by_colour_word_and_icon(kind: str, tone: str, icon: str) -> None:
    html = _page(kind=kind)

    assert f'data-env="{tone}"' in html
    assert icon in html
    assert f'class="env env-{tone}"' in html
    assert ("[PROD]" in html) == (tone == "prod")
    assert ("PRODUCTION</span>" in html) == (tone == "prod")


def test_a_page_without_an_environment_shows_none() -> None:
    html = _page()

    assert "data-env" not in html
    assert "env env-" not in html.split("<main")[0]
    assert "bisync.svg" in html


def test_the_switch_lists_every_environment_and_marks_the_present_one() -> None:
    html = _page(kind="staging")

    for kind in ("development", "staging", "production"):
        assert f'href="/e/{kind}/"' in html
    assert re.search(r'href="/e/staging/" aria-current="true"', html)
    assert html.count('aria-current="true"') == 1


def test_the_navigation_marks_where_one_is_and_counts_what_waits() -> None:
    html = _page()

    assert '<a href="/metrics/" aria-current="page">' in html
    assert '<span class="count">3<span class="vh"> waiting for you</span></span>' in html
    assert ">Change</p>" in html


def test_the_account_menu_posts_the_appearance_and_the_sign_out() -> None:
    html = _page()

    assert '<form class="pop-s" method="post" action="/appearance">' in html
    assert '<button type="submit" name="theme" value="dark" aria-pressed="true">' in html
    assert 'action="/sign-out"' in html
    assert html.count('name="csrfmiddlewaretoken" value="t0ken"') >= 2


def test_the_page_configures_htmx_for_a_strict_security_policy() -> None:
    html = _page()

    for setting in (
        '"allowEval":false',
        '"includeIndicatorStyles":false',
        '"historyCacheSize":0',
        '{"code":"4..","swap":true}',
    ):
        assert setting in html
    assert """hx-headers='{"X-CSRFToken": "t0ken"}'""" in html
    assert re.search(r'<script src="[^"]*htmx-2\.min\.js" defer nonce="n0nce">', html)


def test_at_most_seven_requests_are_needed_before_a_page_loads_its_own_extras() -> None:
    html = _page(kind="production")

    assert len(re.findall(r"<link rel=\"(?:stylesheet|icon)\"|<script[^>]* src=", html)) <= 6


def test_news_is_announced_and_bad_news_stands_out() -> None:
    html = _page(messages=[Message(messages.SUCCESS, "Saved."), Message(messages.ERROR, NASTY)])

    region = html.split('id="toasts"')[1].split("<template")[0]
    assert 'aria-live="polite"' in region
    assert '<div class="toast toast-ok" role="status">' in region
    assert '<div class="toast toast-bad" role="alert">' in region
    assert "<script" not in region


def test_people_who_are_not_signed_in_see_no_frame() -> None:
    html = _page(user=SimpleNamespace(is_authenticated=False))

    assert 'id="side"' not in html
    assert "Somebody else has to approve it." in html


# -- Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html", "503.html"]
)
def test_error_pages_render_without_any_context(name: str) -> None:
    html = get_template(name).render({})

    assert "<h1>" in html
    assert 'href="/"' in html


def test_an_error_page_names_the_request() -> None:
    assert "<code>abc123</code>" in get_template("500.html").render({"request_id": "abc123"})
    assert "<code>abc123</code>" in _page("404.html")


def test_an_expected_failure_says_what_happened_and_leads_back() -> None:
    html = _page()

    assert "Somebody else has to approve it." in html
    assert "Nothing was changed." in html
    assert 'href="/before/"' in html
    assert "abc123" in html


def test_a_temporary_failure_asks_to_try_again() -> None:
    class Busy(BisyncError):
        temporary = True

    assert "try again" in _page(error=Busy())


def test_a_failure_in_a_swap_becomes_a_toast() -> None:
    html = _page("components/toast.html", error=NotAllowed(reason=NASTY))

    assert 'class="toast toast-bad" role="alert"' in html
    assert "abc123" in html
    assert "<script" not in html


# -- Forms --------------------------------------------------------------------------------------------


class Sample(forms.Form):
    name = forms.CharField(label="Name", help_text="As people know it.")
    why = forms.CharField(label="Why", required=False)
    kind = forms.ChoiceField(label="Kind", choices=[("a", "A")], widget=forms.RadioSelect)
    agree = forms.BooleanField(label="I agree", required=False)
    secret = forms.CharField(widget=forms.HiddenInput, initial="s")

    def clean(self) -> dict[str, object]:
        if not self.cleaned_data.get("agree"):
            raise forms.ValidationError("Agree first.")
        return self.cleaned_data


def test_a_field_is_wired_to_its_label_its_help_and_its_error() -> None:
    html = str(Sample({"secret": "s"})["name"].as_field_group())

    assert '<label for="id_name">Name</label>' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext">As people know it.' in html
    assert 'aria-invalid="true"' in html
    assert re.search(r'id="id_name_error">.*This field is required\.', html, re.DOTALL)


def test_optional_fields_say_so_and_required_ones_do_not() -> None:
    form = Sample()

    assert "optional" in str(form["why"].as_field_group())
    assert "optional" not in str(form["name"].as_field_group())


def test_a_group_of_choices_is_a_fieldset_and_a_single_box_stands_before_its_label() -> None:
    form = Sample()

    assert "<fieldset" in str(form["kind"].as_field_group())
    assert "<legend>Kind</legend>" in str(form["kind"].as_field_group())
    assert re.search(
        r'<input type="checkbox"[^>]*><label for="id_agree">', str(form["agree"].as_field_group())
    )


def test_a_form_begins_with_what_to_correct_and_leads_there() -> None:
    html = str(Sample({"secret": "s"}))

    summary = html.split('<div class="field')[0]
    assert 'role="alert"' in summary
    assert '<a href="#id_name">Name</a>: This field is required.' in summary
    assert "<li>Agree first.</li>" in summary
    assert 'type="hidden" name="secret"' in html


def test_a_form_without_errors_has_no_summary() -> None:
    assert "note-bad" not in str(Sample())


def test_the_sign_in_page_keeps_where_one_wanted_to_go() -> None:
    html = _page("governance/sign_in.html", form=Sample(), next="/northwind/")

    assert '<input type="hidden" name="next" value="/northwind/">' in html
    assert 'action="/sign-in"' in html


# -- Components ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("badge", {"label": NASTY}),
        ("note", {"text": NASTY}),
        ("banner", {"text": NASTY, "tone": "warn", "action_url": "/x", "action_label": NASTY}),
        ("empty", {"icon": "inbox", "title": NASTY, "text": NASTY}),
        ("card_head", {"title": NASTY, "badge": NASTY}),
        ("stats", {"stats": [{"label": NASTY, "value": NASTY, "note": NASTY}]}),
        ("kv", {"items": [{"label": NASTY, "value": NASTY}]}),
        ("kpi", {"label": NASTY, "value": NASTY}),
        ("tabs", {"label": NASTY, "tabs": [{"label": NASTY, "url": "/x", "count": 2}]}),
        ("segmented", {"label": NASTY, "options": [{"label": NASTY, "url": "/x", "current": True}]}),
        ("segmented", {"label": "x", "name": NASTY, "options": [{"label": NASTY, "value": NASTY}]}),
        ("menu", {"label": NASTY, "items": [{"label": NASTY, "url": "/x"}]}),
        ("progress", {"label": NASTY, "value": 1, "max": 2}),
        ("pipe", {"steps": [{"label": NASTY, "state": "failed", "detail": NASTY}]}),
        ("checks", {"checks": [{"label": NASTY, "state": "passed", "detail": NASTY}]}),
        ("pagination", {"label": NASTY, "summary": NASTY, "next_url": "?page=2"}),
        ("code", {"id": "c", "label": NASTY, "code": NASTY}),
        ("diff", {"id": "d", "label": NASTY, "title": NASTY, "diff": diff("a\n", NASTY)}),
        ("log", {"id": "l", "title": NASTY, "tail": tail(NASTY)}),
        ("activity", {"icon": "git-branch", "who": NASTY, "text": NASTY, "at": None}),
        ("comment", {"person": Somebody(name=NASTY), "at": None, "body": NASTY}),
        ("dialog", {"id": "d", "title": NASTY, "text": NASTY, "action_url": "/x", "action_label": NASTY, "csrf_token": "t", "phrase": NASTY}),
        ("formula_editor", {"id": "f", "name": "f", "value": NASTY, "vocabulary": "v"}),
        ("formula_foot", {"id": "f", "problems": [{"message": NASTY, "start": 0, "end": 2, "level": "error", "fixes": [{"label": NASTY, "text": NASTY}]}]}),
        ("toast", {"text": NASTY, "tone": "ok"}),
    ],
)  # fmt: skip
def test_a_component_needs_only_its_required_arguments_and_escapes_them(
    name: str, context: dict[str, object]
) -> None:
    html = render_to_string(f"components/{name}.html", context)

    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_states_of_checks_and_steps_are_said_in_words() -> None:
    assert '<span class="vh">failed: </span>' in render_to_string(
        "components/checks.html", {"checks": [{"label": "Tests", "state": "failed"}]}
    )
    assert "(done)" in render_to_string(
        "components/pipe.html", {"steps": [{"label": "Built", "state": "done"}]}
    )


def test_a_running_log_asks_for_more_and_a_finished_one_does_not() -> None:
    running = {"id": "l", "title": "dbt build", "tail": tail("a"), "next_url": "/more?after=2"}

    assert 'hx-get="/more?after=2" hx-trigger="every 1s"' in render_to_string("components/log.html", running)
    assert "hx-get" not in render_to_string("components/log.html", running | {"next_url": ""})


def test_a_problem_in_a_formula_carries_its_place_and_its_repair() -> None:
    html = render_to_string(
        "components/formula_editor.html",
        {
            "id": "f",
            "name": "formula",
            "value": "SUMM(x)",
            "check_url": "/check",
            "problems": [
                {
                    "message": "There is no function SUMM().",
                    "start": 0,
                    "end": 4,
                    "level": "error",
                    "hint": "Did you mean SUM()?",
                    "fixes": [{"label": "Use SUM", "text": "SUM(x)"}],
                }
            ],
        },
    )

    assert 'data-start="0" data-end="4" data-level="error"' in html
    assert 'data-formula-fix="SUM(x)"' in html
    assert 'aria-invalid="true"' in html
    assert 'hx-post="/check"' in html
    assert '<textarea id="f" name="formula"' in html


def test_a_chart_comes_with_its_figures_as_a_table() -> None:
    html = get_template("components/chart.html").render(
        {"svg": "", "label": "Revenue", "legend": [], "headers": ["Now"], "rows": [("Oct", ["£4.61m"])]}
    )

    assert '<th scope="row">Oct</th><td class="r">£4.61m</td>' in html
