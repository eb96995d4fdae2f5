"""What holds for every template, whoever writes it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

from bisync.templatetags import ui

ROOT = Path(settings.BASE_DIR)
PACKAGES = (
    "bisync",
    "governance",
    "notify",
    "workspace",
    "catalog",
    "semantic",
    "environments",
    "proposals",
    "insights",
)


def _templates() -> dict[str, str]:
    homes = [ROOT / "templates", *(ROOT / package / "templates" for package in PACKAGES)]
    return {
        str(file.relative_to(home)): file.read_text(encoding="utf-8")
        for home in homes
        for file in sorted(home.rglob("*.html"))
    }


TEMPLATES = _templates()
COMPONENTS = sorted(name for name in TEMPLATES if name.startswith("components/"))

# The content security policy drops the first four silently; htmx evaluates the others as JavaScript.
FORBIDDEN = {
    "an inline style": re.compile(r"<style\b|\sstyle\s*=", re.IGNORECASE),
    "an event handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "an inline script": re.compile(
        r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")", re.IGNORECASE
    ),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "hx-on": re.compile(r"\s(data-)?hx-on\b", re.IGNORECASE),
    "hx-vars or computed hx-vals": re.compile(r"hx-vars|hx-(vals|headers)\s*=\s*[\"']\s*js:", re.IGNORECASE),
    "a filter in hx-trigger": re.compile(r"hx-trigger\s*=\s*(\"[^\"]*\[|'[^']*\[)", re.IGNORECASE),
}


def _markup(source: str) -> str:
    """The HTML of a template, without its comments, tags and variables."""
    source = re.sub(r"\{%\s*comment\b.*?endcomment\s*%\}", "", source, flags=re.DOTALL)
    return re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", source)


def _icons_in_templates() -> Iterator[str]:
    for source in TEMPLATES.values():
        yield from re.findall(r"""\{%\s*icon\s+["']([\w-]+)["']""", source)
        for tag in re.findall(r"\{%\s*include\b.*?%\}", source):
            yield from re.findall(r"""\bicon=["']([\w-]+)["']""", tag)


def _icons_in_python() -> Iterator[str]:
    """What is passed on as `icon=`, or stands under the key "icon" of a dictionary."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "icon":
                    yield from _text(node.value)
                elif isinstance(node, ast.Dict):
                    for key, value in zip(node.keys, node.values, strict=True):
                        if key is not None and "icon" in _text(key):
                            yield from _text(value)


def _text(node: ast.expr) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_template_compiles(name: str) -> None:
    get_template(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_template_holds_nothing_that_the_security_policy_refuses(name: str) -> None:
    source = _markup(TEMPLATES[name])

    assert [what for what, pattern in FORBIDDEN.items() if pattern.search(source)] == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ('<p style="color:red">', "an inline style"),
        ("<style>p{}</style>", "an inline style"),
        ('<button type="button"\n onclick="go()">', "an event handler"),
        ("<script>go()</script>", "an inline script"),
        ('<a href="JavaScript:go()">', "a javascript: address"),
        ('<p hx-on:click="go()">', "hx-on"),
        ("<p hx-vals='js:{a: 1}'>", "hx-vars or computed hx-vals"),
        ('<p hx-trigger="keyup[ctrlKey]">', "a filter in hx-trigger"),
    ],
)
def test_the_check_itself_finds_what_it_looks_for(source: str, what: str) -> None:
    assert FORBIDDEN[what].search(source)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_begins_with_its_arguments(name: str) -> None:
    assert TEMPLATES[name].startswith("{# ")


@pytest.mark.parametrize("name", TEMPLATES)
def test_components_are_included_with_explicit_arguments_only(name: str) -> None:
    tags = re.findall(r"""\{%\s*include\s+["']components/.*?%\}""", TEMPLATES[name])

    assert [tag for tag in tags if not re.search(r"\sonly\s*%\}$", tag)] == []


@pytest.mark.parametrize("name", sorted({*_icons_in_templates(), *_icons_in_python()}))
def test_the_icon_exists(name: str) -> None:
    assert ui.icon(name).startswith("<svg")
