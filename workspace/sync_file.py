"""`bisync/sync.yml` of a dbt project: what it says, or by line what is wrong and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any

import yaml
from django.utils.translation import gettext as _

from bisync.lib import small_yaml
from bisync.lib.errors import InvalidInput
from workspace.models import Every
from workspace.models.strategies import CHOICES, Strategy, Winner
from workspace.schedules import sound

PATH = "bisync/sync.yml"
VERSION = "1"
MOST_BYTES = 100_000
MOST_PROBLEMS = 20
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NEEDS = {
    Every.MINUTES: ("count",),
    Every.HOURS: ("count",),
    Every.DAY: ("at",),
    Every.WEEK: ("weekday", "at"),
}
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(slots=True)
class Said:
    """What a file says, as `SyncSettings.said` holds it; nothing of it counts while there are `problems`."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)


def read(raw: bytes) -> Said:
    """What the file says; each problem with its line."""
    if len(raw) > MOST_BYTES:
        return too_large()
    try:
        top = small_yaml.compose(raw.decode("utf-8"))
    except UnicodeDecodeError as exc:
        line = raw[: exc.start].count(b"\n") + 1
        return Said(problems=[(line, _("This is not UTF-8. Save the file as UTF-8."))])
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
        told = getattr(exc, "problem", None) or str(exc)
        words = _("This is not YAML: %(problem)s. Mend this line or the one above.")
        return Said(problems=[(mark.line + 1 if mark else 1, words % {"problem": told})])
    reader = _Reader()
    reader.top(top)
    found = sorted(reader.problems)[:MOST_PROBLEMS]
    return Said({} if found else reader.values, found)


def too_large() -> Said:
    """What is said of a file that nobody needs to read, so large it is."""
    words = _("The file is larger than %(most)s KB. Write only what is to be set.")
    return Said(problems=[(1, words % {"most": MOST_BYTES // 1000})])


def times(told: Mapping[str, Any]) -> dict[str, Any]:
    """A timetable as `Timetable.told` gives it, as `timetable_set` takes it; never where it is empty."""
    return {"every": "", **told, **({"at": time.fromisoformat(told["at"])} if "at" in told else {})}


class _Reader:
    """Walks over the nodes, so that each problem has its line and every value is text as it was written."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.problems: list[tuple[int, str]] = []

    def top(self, node: yaml.Node | None) -> None:
        found = self._mapping(node, ("version", "pull", "metadata"), _("the file"))
        if found is None:
            return
        if "version" not in found:
            self._tell(node, _("The version is missing. Write “version: 1”."))
        else:
            self._choice(found["version"], (VERSION,), "version")
        if "pull" in found:
            self._pull(found["pull"])
        if "metadata" in found:
            self._metadata(found["metadata"])

    def _metadata(self, node: yaml.Node) -> None:
        for kind, inner in (self._mapping(node, CHOICES, "metadata") or {}).items():
            place = f"metadata.{kind}"
            found = self._mapping(inner, CHOICES[kind], place) or {}
            for key, value in found.items():
                offered = [choice.value for choice in CHOICES[kind][key]]
                chosen = self._choice(value, offered, f"{place}.{key}")
                if chosen is not None:
                    self.values[f"{kind}.{key}"] = chosen
            strategy, winner = (self.values.get(f"{kind}.{key}") for key in ("strategy", "conflicts"))
            if strategy not in {None, Strategy.BOTH} and winner not in {None, Winner.DBT}:
                words = _("With “strategy: %(strategy)s” dbt wins. Write “conflicts: dbt”, or leave it out.")
                self._tell(found["conflicts"], words % {"strategy": strategy})

    def _pull(self, node: yaml.Node) -> None:
        if isinstance(node, yaml.ScalarNode):
            if self._choice(node, ("off",), "pull", more=_("every: and its time below it")) is not None:
                self.values["pull"] = {}
            return
        found = self._mapping(node, ("every", "count", "weekday", "at"), "pull")
        if found is None:
            return
        if "every" not in found:
            self._tell(node, _("Say how often. Write “every: hours” and “count: 2”, or “pull: off”."))
            return
        every = self._choice(found["every"], [one.value for one in Every], "pull.every")
        if every is not None:
            self._timetable(Every(every), found)

    def _timetable(self, every: Every, found: dict[str, yaml.Node]) -> None:
        before, needs = len(self.problems), _NEEDS[every]
        values: dict[str, Any] = {"every": every.value}
        for key in found.keys() - {"every", *needs}:
            words = _("“%(key)s” has no effect with “every: %(every)s”. Leave it out.")
            self._tell(found[key], words % {"key": key, "every": every.value})
        for key in needs:
            if key not in found:
                words = _("“every: %(every)s” needs “%(key)s”. Write it below.")
                self._tell(found["every"], words % {"every": every.value, "key": key})
        if "count" in needs and "count" in found:
            values["count"] = self._number(found["count"])
        if "weekday" in needs and "weekday" in found:
            day = self._choice(found["weekday"], WEEKDAYS, "pull.weekday")
            values["weekday"] = WEEKDAYS.index(day) if day is not None else 0
        if "at" in needs and "at" in found:
            values["at"] = self._clock(found["at"])
        if len(self.problems) > before:
            return
        try:
            sound(values)
        except InvalidInput as exc:
            for key, sentences in exc.fields.items():
                self._tell(found.get(key), " ".join(sentences))
            return
        self.values["pull"] = {**values, **({"at": f"{values['at']:%H:%M}"} if "at" in values else {})}

    # -- Nodes --------------------------------------------------------------------------------------

    def _mapping(
        self, node: yaml.Node | None, keys: Collection[str], place: str
    ) -> dict[str, yaml.Node] | None:
        """The values by key, each of which is one of `keys`; None where it is no mapping."""
        if not isinstance(node, yaml.MappingNode):
            words = _("In %(place)s belong keys with values. Write one or more of: %(keys)s.")
            self._tell(node, words % {"place": place, "keys": ", ".join(keys)})
            return None
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name in found:
                self._tell(key, _("“%(key)s” is here twice. Leave one out.") % {"key": name})
            elif name not in keys:
                words = _("“%(key)s” is no key of %(place)s. Write one of: %(keys)s.")
                self._tell(key, words % {"key": _short(name), "place": place, "keys": ", ".join(keys)})
            else:
                found[name] = value
        return found

    def _choice(self, node: yaml.Node, offered: Collection[str], place: str, *, more: str = "") -> str | None:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if text in offered:
            return str(text)
        words = _("“%(text)s” is nothing that %(place)s can be. Write %(offered)s.")
        told = _(" or ").join([*offered, *([more] if more else [])])
        self._tell(node, words % {"text": _short(text), "place": place, "offered": told})
        return None

    def _number(self, node: yaml.Node) -> int:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if re.fullmatch(r"[0-9]{1,6}", text):
            return int(text)
        self._tell(node, _("“%(text)s” is no number. Write one such as 2.") % {"text": _short(text)})
        return 0

    def _clock(self, node: yaml.Node) -> time:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if found := _CLOCK.fullmatch(text):
            return time(int(found[1]), int(found[2]))
        self._tell(
            node, _("“%(text)s” is no time of day. Write one in UTC such as 06:30.") % {"text": _short(text)}
        )
        return time()

    def _tell(self, node: yaml.Node | None, sentence: str) -> None:
        self.problems.append((node.start_mark.line + 1 if node is not None else 1, sentence))


def _short(text: object) -> str:
    return str(text)[:60]
