"""How one test is spelled: its name, what it says, and its arguments.

The name is the test's bare one, since projects copy what packages bring. `arguments` are Bisync's name → the
test's, `fixed` is what the name alone says, and `source` is where the spelling is from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.quality.tellers import Teller

DBT = "dbt"
UTILS = "dbt_utils"
EXPECTATIONS = "dbt_expectations"
ELEMENTARY = "elementary"
BISYNC = "Bisync"
PROJECTS = "projects' own"


@dataclass(frozen=True, slots=True)
class Spelling:
    """One test by its bare name."""

    name: str
    source: str
    tell: Teller
    arguments: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
