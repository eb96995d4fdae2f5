"""Promises about the style sheets and scripts: legible in both themes, small, and complete."""

from __future__ import annotations

import gzip
import re
from itertools import product
from pathlib import Path

import pytest
from django.conf import settings

STATIC = Path(settings.BASE_DIR) / "static"
CSS = sorted((STATIC / "css").glob("*.css"))
JS = sorted((STATIC / "js").glob("*.js"))
TOKENS = dict(
    re.findall(
        r"--([\w-]+):\s*light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", (STATIC / "css/tokens.css").read_text()
    )
)


def _luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


BODY = ("canvas", "surface", "raised", "sunken")
SYNTAX = tuple(f"syn-{name}" for name in ("kw", "fn", "str", "num", "com", "field"))
PAIRS = [
    *((text, ground, 4.5) for text, ground in product(("text", "text-2", "muted"), BODY)),
    *(("accent-text", ground, 4.5) for ground in (*BODY, "accent-soft")),
    *(
        ("on-accent", fill, 4.5)
        for fill in (
            "accent",
            "accent-hover",
            "ok-fill",
            "ok-fill-hover",
            "bad-fill",
            "bad-fill-hover",
            "prod",
        )
    ),
    *((tone, ground, 4.5) for tone in ("ok", "warn", "bad", "info") for ground in ("canvas", "surface", f"{tone}-soft")),
    *((text, ground, 4.5) for text, ground in product((*SYNTAX, "text"), ("surface", "raised", "sunken", "add-bg", "del-bg"))),
    *((text, ground, 4.5) for text, ground in product(("text", "syn-kw", "syn-fn", "syn-str", "syn-num", "syn-field"), ("add-hi", "del-hi"))),
    ("syn-field", "info-soft", 4.5),
    ("staging", "staging-bg", 4.5),
    ("dev", "dev-bg", 4.5),
    ("text", "selection", 4.5),
    *(("control", ground, 3) for ground in ("surface", "canvas")),
    ("accent", "surface", 3),
    *((f"viz-{number}", "surface", 3) for number in range(1, 9)),
]  # fmt: skip


@pytest.mark.parametrize(("over", "under", "least"), PAIRS)
def test_the_pair_is_legible_in_light_and_in_dark(over: str, under: str, least: float) -> None:
    for theme, one, other in zip(
        ("light", "dark"), TOKENS[over].split(", "), TOKENS[under].split(", "), strict=True
    ):
        assert _contrast(one, other) >= least, theme


def test_the_layers_are_ordered_before_the_first_rule() -> None:
    tokens = re.sub(r"/\*.*?\*/", "", (STATIC / "css/tokens.css").read_text(), flags=re.DOTALL)

    assert tokens.strip().startswith("@layer reset, tokens, base, layout, components, utilities;")


@pytest.mark.parametrize("file", CSS, ids=lambda file: file.name)
def test_a_style_sheet_has_no_rule_outside_a_layer(file: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)
    text = re.sub(r"^@layer [\w, ]+;$", "", text, flags=re.MULTILINE)
    depth, outside = 0, ""
    for character in text:
        depth -= character == "}"
        outside += character if depth == 0 and character != "}" else ""
        depth += character == "{"

    assert depth == 0
    assert re.fullmatch(r"(\s*@layer \w+ \{)+\s*", outside)


@pytest.mark.parametrize("file", CSS, ids=lambda file: file.name)
def test_every_variable_that_is_used_is_defined(file: Path) -> None:
    everything = "".join(sheet.read_text() for sheet in CSS)
    defined = set(re.findall(r"(--[\w-]+):", everything))

    # A second value in var() makes the variable optional.
    assert set(re.findall(r"var\((--[\w-]+)\)", file.read_text())) <= defined


def test_the_pages_stay_light() -> None:
    def transferred(files: list[Path]) -> int:
        return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)

    assert transferred(CSS) <= 16 * 1024
    assert transferred(JS) <= 25 * 1024


@pytest.mark.parametrize("file", JS, ids=lambda file: file.name)
def test_a_script_needs_nothing_that_the_security_policy_refuses(file: Path) -> None:
    text = file.read_text()

    assert not re.search(r"\beval\(|new Function\(|innerHTML|insertAdjacentHTML|document\.write\(", text)
    # Whatever one script needs of another is named by data-module, with its hashed address.
    assert not re.search(r"^\s*import\s", text, re.MULTILINE)
