"""What the catalogue is narrowed by, as an address and as a saved view have it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from django.utils.datastructures import MultiValueDict

from bisync.lib.search import sought
from catalog.words import FLAGS, FOUND


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Words, a kind, an owner, and states; a flag is a field of an entry."""

    kind: str = ""
    owner: str = ""
    flags: tuple[str, ...] = ()
    search: str = ""

    @property
    def query(self) -> str:
        """The address's part that asks for it; "" for everything."""
        asked = {"q": self.search, "kind": self.kind, "owner": self.owner, "only": self.flags}
        return urlencode({name: value for name, value in asked.items() if value}, doseq=True)


def narrowed(asked: MultiValueDict[str, str]) -> Narrowed:
    """What an address asks for; what does not exist narrows nothing."""
    kind = asked.get("kind") or ""
    return Narrowed(
        kind=kind if kind in FOUND else "",
        owner=sought(asked.get("owner") or ""),
        flags=tuple(flag for flag in FLAGS if flag in asked.getlist("only")),
        search=sought(asked.get("q") or ""),
    )


def narrowed_by(query: str) -> Narrowed:
    """The same from that part of an address alone."""
    return narrowed(MultiValueDict(parse_qs(query)))
