"""What the catalogue is narrowed by, as an address and as a saved view have it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from django.utils.datastructures import MultiValueDict

from bisync.lib.search import sought
from catalog.words import FLAGS, FOUND, RULES


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


# The state of a rule at which nobody has looked.
NOT_RUN = "not-run"
STATES = ("bad", "warn", "ok", NOT_RUN)


@dataclass(frozen=True, slots=True)
class RulesAsked:
    """What the list of rules is narrowed by: words, and a rule's kind, state, owner and domain."""

    kind: str = ""
    state: str = ""
    owner: str = ""
    domain: str = ""
    search: str = ""

    @property
    def query(self) -> str:
        """The address's part that asks for it; "" for everything."""
        asked = {"q": self.search, "rule": self.kind, "state": self.state, "owner": self.owner}
        asked["domain"] = self.domain
        return urlencode({name: value for name, value in asked.items() if value})

    def fits(self, *texts: str) -> bool:
        """Whether each of the words stands somewhere in these texts."""
        text = " ".join(texts).casefold()
        return all(word in text for word in self.search.casefold().split())


def rules_asked(asked: MultiValueDict[str, str]) -> RulesAsked:
    """What an address asks for of the rules; what does not exist narrows nothing."""
    kind, state = asked.get("rule") or "", asked.get("state") or ""
    return RulesAsked(
        kind=kind if kind in RULES else "",
        state=state if state in STATES else "",
        owner=sought(asked.get("owner") or ""),
        domain=sought(asked.get("domain") or ""),
        search=sought(asked.get("q") or ""),
    )


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
