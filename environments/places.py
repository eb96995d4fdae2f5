"""The line of a file that a finding is about (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from semantic.written import line_of


def line(kind: str, unique_id: str, name: str, params: Mapping[str, Any], text: str) -> int:
    """The line, from 1, in the text of the finding's file; 0 where it is about the whole file."""
    if kind == "hard-coded":
        return _mentioned(str(params.get("relations", "")).split(", ")[0], text)
    column = str(params.get("column") or params.get("columns", "")).split(", ")[0].split(" (+")[0]
    return line_of(text, unique_id.partition(".")[0], name, column=column)


def _mentioned(relation: str, text: str) -> int:
    """Where SQL first names a relation, however it is quoted."""
    parts = [re.escape(part.strip('"`[]')) for part in relation.split(".") if part]
    if not parts:
        return 0
    found = re.search(r"[\"`\]]?\s*\.\s*[\"`\[]?".join(parts[-2:]), text, re.IGNORECASE)
    return text.count("\n", 0, found.start()) + 1 if found else 0
