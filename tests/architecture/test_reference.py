from __future__ import annotations

import re
from pathlib import Path

from bisync.management.commands.reference import FOLDER, pages

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
