"""The generic tests that Bisync brings along, as a file of the project."""

from __future__ import annotations

from pathlib import Path

# In a project that keeps its macros where dbt looks for them by itself.
MACRO_FILE = "macros/bisync/bisync_tests.sql"
MACROS = Path(__file__).with_name("bisync_tests.sql").read_text(encoding="utf-8")
