"""The line of a file that a finding is about."""

from __future__ import annotations

import re

from environments.findings import Found
from semantic.written import Properties


class Places:
    """One file, read once for all that is found in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._properties: Properties | None = None

    def line(self, one: Found) -> int:
        """The line, from 1, that a finding is about; 0 where it is the whole file."""
        params = one.params
        if one.kind == "hard-coded":
            return _mentioned(str(params.get("relations", "")).split(", ")[0], self._text)
        if self._properties is None:
            self._properties = Properties(self._text)
        named = str(one.member or params.get("column") or params.get("columns", ""))
        member = named.split(", ")[0].split(" (+")[0]
        kind, *parts = one.unique_id.split(".")
        source = parts[1] if kind == "source" else ""
        return self._properties.line_of(kind, one.name, source=source, member=member)


def _mentioned(relation: str, text: str) -> int:
    """Where SQL first names a relation, however it is quoted."""
    parts = [re.escape(part.strip('"`[]')) for part in relation.split(".") if part]
    if not parts:
        return 0
    named = r"[\"`\]]?\s*\.\s*[\"`\[]?".join(parts[-2:])
    found = re.search(rf"(?<!\w){named}(?!\w)", text, re.IGNORECASE)
    return text.count("\n", 0, found.start()) + 1 if found else 0
