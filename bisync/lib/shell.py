"""What the frame around every page shows, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class EnvironmentLink:
    """One line of the environment switcher. `kind` is development, staging, production or other."""

    slug: str
    name: str
    kind: str
    url: str
    version: str = ""
    current: bool = False

    @property
    def tone(self) -> str:
        """The suffix of the CSS classes: prod, staging or dev."""
        return {"production": "prod", "staging": "staging"}.get(self.kind, "dev")


@dataclass(frozen=True, slots=True)
class NavLink:
    """One entry of the navigation; entries of one `group` stand together."""

    label: str
    url: str
    icon: str
    group: str = ""
    count: int = 0
    current: bool = False
    key: str = ""  # after G, the key that goes there


@dataclass(frozen=True, slots=True)
class Shell:
    """The frame: where one is, where one may go."""

    project_name: str = ""
    project_url: str = ""
    search_url: str = ""
    environment: EnvironmentLink | None = None
    environments: tuple[EnvironmentLink, ...] = ()
    promised: Mapping[str, timedelta] = field(default_factory=dict)  # how old looks at their sources may be
    nav: tuple[NavLink, ...] = ()
    theme: str = ""
    shortcuts: bool = True
    audit_url: str = ""  # of the log that this person may read
    unread: int = 0
    here: str = ""  # the address of the page
