from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bisync.management.commands.reference import FOLDER, pages
from governance.deeds import DEEDS, SUBJECTS, choices, words
from tests.architecture.test_templates import PACKAGES

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    source = (ROOT / "bisync/settings.py").read_text(encoding="utf-8")
    documented = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")

    read = set(re.findall(r'env\.\w+\("(BISYNC_\w+)"', source))
    told = set(re.findall(r"^\| `(BISYNC_\w+)`", documented, re.MULTILINE))

    assert read == told


def test_the_reference_says_what_the_code_says() -> None:
    for name, text in pages().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, "Run manage.py reference."


def _recorded() -> Iterator[str]:
    """What the code calls an `action` and a subject of the log begins."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                named = isinstance(node, ast.keyword) and node.arg == "action"
                named |= isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["action"]
                assert not (named and isinstance(node.value, ast.JoinedStr)), (
                    f"{file}: in words, or not at all"
                )
                for part in ast.walk(node) if named else ():
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def test_the_audit_log_has_words_for_everything_that_is_recorded() -> None:
    recorded = {action for action in _recorded() if action.partition(".")[0] in SUBJECTS and "." in action}

    assert len(recorded) > 25
    assert recorded - set(DEEDS) == set()
    assert {deed.partition(".")[0] for deed in DEEDS} == set(SUBJECTS)
    offered = {deed for _subject, deeds in choices() for deed, _label in deeds}
    assert offered == {*DEEDS, *SUBJECTS}
    assert words("no.such.deed") == "no.such.deed"
