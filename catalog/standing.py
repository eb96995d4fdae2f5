"""How far things can be relied on, in a word or a sentence: many at once, each with what it is made from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from catalog.models import Outcome
from catalog.outcomes import Promised, Tested, Trust, trust_among
from catalog.selectors import Lineage, lineage_of
from governance.models import Project

# How something can stand, the worst first; "" where nothing is known.
TONES = ("bad", "warn", "", "ok")
# What has no tests of its own: whatever is wrong is wrong below it.
UNTESTED = ("exposure", "metric", "saved_query", "semantic_model")
# What marks whatever is made from sources that are wrong.
_SOURCES = {
    "stale": ngettext_lazy("stale source", "stale sources", "n"),
    "unknown": ngettext_lazy("unknown source", "unknown sources", "n"),
    "late": ngettext_lazy("late source", "late sources", "n"),
    "old": ngettext_lazy("look too old", "looks too old", "n"),
}
# Why not to rely on what is made from something that is wrong, the gravest first.
_DOUBTS = {
    "stale": ngettext_lazy(
        "Its source %(name)s is stale: what it shows may be out of date.",
        "%(name)s and %(more)d more of its sources are stale: what it shows may be out of date.",
        "n",
    ),
    "unknown": ngettext_lazy(
        "Its source %(name)s could not be looked at: what it shows may be out of date.",
        "%(name)s and %(more)d more of its sources could not be looked at: what it shows may be out of date.",
        "n",
    ),
    "bad": ngettext_lazy(
        "A check of %(name)s, which it is made from, fails: what it shows may be wrong.",
        "A check of %(name)s and %(more)d more of what it is made from fail: what it shows may be wrong.",
        "n",
    ),
    "late": ngettext_lazy(
        "Its source %(name)s is late: what it shows may be out of date.",
        "%(name)s and %(more)d more of its sources are late: what it shows may be out of date.",
        "n",
    ),
    "old": ngettext_lazy(
        "The last look at its source %(name)s is older than its timetable allows: "
        "what it shows may be out of date.",
        "The last looks at %(name)s and %(more)d more of its sources are older than their timetable allows: "
        "what it shows may be out of date.",
        "n",
    ),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one thing stands: what is wrong of it and of what it is made from, its own first.

    `looked` is how many checks there are, `told` how many have run, `at` when the oldest of the runs was.
    """

    key: str = ""
    failing: tuple[Tested, ...] = ()
    warning: tuple[Tested, ...] = ()
    looked: int = 0
    told: int = 0
    at: datetime | None = None

    @property
    def tone(self) -> str:
        """bad, warn or ok as the worst of all; "" where nothing is known."""
        return "bad" if self.failing else "warn" if self.warning else "ok" if self.told else ""

    @property
    def worst(self) -> tuple[Tested, ...]:
        """What it is as bad as."""
        return self.failing or self.warning

    @property
    def first(self) -> Tested | None:
        """What to look at first; None where nothing is wrong."""
        return self.worst[0] if self.worst else None

    @property
    def own(self) -> bool:
        """Whether the worst is its own, and not only of what it is made from."""
        return any(one.node == self.key for one in self.worst)

    @property
    def words(self) -> str:
        """The state in a word or two; "" where there are no checks."""
        n = len(self.worst)
        if not n:
            return _("passes") if self.told else _("not run yet") if self.looked else ""
        kinds = {one.kind for one in self.worst}
        if len(kinds) == 1 and (of_sources := _SOURCES.get(kinds.pop())):
            return self.worst[0].words if self.own else of_sources % {"n": n}
        below = not self.own and not self.key.startswith(UNTESTED)
        if self.failing:
            said = ngettext("%(n)d fails below", "%(n)d fail below", n) if below else ""
            return (said or ngettext("%(n)d fails", "%(n)d fail", n)) % {"n": n}
        said = ngettext("%(n)d warns below", "%(n)d warn below", n) if below else ""
        return (said or ngettext("%(n)d warns", "%(n)d warn", n)) % {"n": n}


NOTHING = Standing()


@dataclass(frozen=True)
class Standings:
    """How many things stand. Of the `checks` the first have run, the longest ago first of all.

    Sets of checks are numbers whose bits are their places: joined along a whole lineage, that stays quick.
    """

    checks: tuple[Tested, ...] = ()
    ran: int = 0
    failing: int = 0
    warning: int = 0
    own: Mapping[str, int] = field(default_factory=dict)
    whole: Mapping[str, int] = field(default_factory=dict)

    def of(self, key: str) -> Standing:
        """How a node stands, with all that it is made from."""
        return self._standing(key, self.whole.get(key, 0))

    def sources(self, keys: Collection[str]) -> list[Tested]:
        """Those of these nodes that are sources somebody looked at, the worst first."""
        return Trust(self.checks).of(keys).sources

    def of_column(self, key: str, column: str) -> Standing:
        """How a column of a node stands, by its own tests."""
        return self._part(key, lambda one: one.column.lower() == column.lower())

    def of_test(self, key: str, test: str) -> Standing:
        """How a test of a node ended."""
        return self._part(key, lambda one: one.unique_id == test)

    def _part(self, key: str, fits: Callable[[Tested], bool]) -> Standing:
        places = _places(self.own.get(key, 0))
        return self._standing(key, sum(1 << place for place in places if fits(self.checks[place])))

    def _standing(self, key: str, chosen: int) -> Standing:
        told = chosen & ((1 << self.ran) - 1)
        oldest = self.checks[next(_places(told))].outcome if told else None
        return Standing(
            key,
            failing=self._picked(key, chosen & self.failing),
            warning=self._picked(key, chosen & self.warning),
            looked=chosen.bit_count(),
            told=told.bit_count(),
            at=oldest.at if oldest is not None else None,
        )

    def _picked(self, key: str, chosen: int) -> tuple[Tested, ...]:
        return tuple(
            sorted((self.checks[place] for place in _places(chosen)), key=lambda one: one.node != key)
        )


def _places(chosen: int) -> Iterator[int]:
    """The places of the bits that are set, the lowest first."""
    while chosen:
        lowest = chosen & -chosen
        yield lowest.bit_length() - 1
        chosen ^= lowest


def standings(
    project: Project,
    keys: Iterable[str],
    *,
    environment: str = "",
    lineage: Lineage | None = None,
    promised: Promised | None = None,
) -> Standings:
    """How these nodes stand, in one environment or where it tells people most.

    It takes a query, one more where the caller does not know the lineage, and one where sources were looked
    at and the caller does not know what is `promised`.
    """
    wanted = list(keys)
    if not wanted:
        return Standings()
    lineage = lineage or lineage_of(project)
    order = lineage.graph.below(wanted)
    looked = trust_among(project, lineage, order, environment=environment, promised=promised).looked
    ran = [(one, one.outcome) for one in looked if one.outcome is not None]
    ran.sort(key=lambda pair: pair[1].at)
    own: dict[str, int] = {}
    states = dict.fromkeys(Outcome.State.values, 0)
    for place, (one, _outcome) in enumerate(ran):
        states[one.state] |= 1 << place
    checks = (*(one for one, _outcome in ran), *(one for one in looked if one.outcome is None))
    for place, one in enumerate(checks):
        own[one.node] = own.get(one.node, 0) | 1 << place
    whole: dict[str, int] = {}
    for key in order:
        whole[key] = own.get(key, 0)
        for parent in lineage.graph.beside(key, "up"):
            whole[key] |= whole.get(parent, 0)
    return Standings(checks, len(ran), states["bad"], states["warn"], own, whole)


def doubts(wrong: Trust | Standing) -> list[tuple[str, Tested]]:
    """Why not to rely on it: a sentence about each kind of what is wrong, with what to look at."""
    said: list[tuple[str, Tested]] = []
    for kind, sentence in _DOUBTS.items():
        if about := [one for one in (*wrong.failing, *wrong.warning) if one.kind == kind]:
            n = len(about)
            said.append((sentence % {"name": about[0].about, "n": n, "more": n - 1}, about[0]))
    return said
