"""A change of a thing, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after, and the commit that did it: where `file` is named, the one that wrote its
    line; else the last one of the pull that is known to have touched the thing's files."""

    name: str
    before: str
    after: str
    commit: str
    author: str
    at: datetime | None
    file: str = ""
    line: int = 0

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file
