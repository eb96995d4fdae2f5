"""A data test as it stands in a properties file: its shapes, and what of them a change keeps."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from semantic.codegen.yaml_marks import YamlRefused

Raw: TypeAlias = Mapping[str, Any]

DATA_TESTS = "data_tests"
KEYS = ("tests", DATA_TESTS)
ARGUMENTS = "arguments"
# What dbt keeps for itself beside a test's arguments.
_SETTINGS = frozenset(
    (
        *("name", "test_name", "description", "config", "severity", "where", "meta", "tags", "enabled"),
        *("limit", "warn_if", "error_if", "fail_calc", "store_failures", "store_failures_as", "database"),
        *("schema", "alias", "group", "docs"),
    )
)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a test is to say instead: None takes an argument or a note away, "" a setting or the name.

    With another `test`, none of its arguments stays.
    """

    test: str = ""
    arguments: Raw = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    meta: Raw = field(default_factory=dict)
    name: str | None = None


@dataclass(frozen=True, slots=True)
class FileTest:
    """A list item: `body` is what stands under the test's name, `raw` the whole; `spread` has it beside."""

    test: str
    body: Raw
    raw: Any
    spread: bool = False

    @property
    def name(self) -> str:
        """What its author calls it."""
        name = self.body.get("name")
        return name if isinstance(name, str) else ""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, wherever they stand."""
        given = {key: value for key, value in self.body.items() if key not in (*_SETTINGS, ARGUMENTS)}
        nested = self.body.get(ARGUMENTS)
        return {**given, **(nested if isinstance(nested, Mapping) else {})}

    @property
    def where(self) -> str:
        found = _setting(self.body, "where")
        return found if isinstance(found, str) else ""

    def saying(self, wanted: Difference) -> Any:
        """The item with what is wanted of it, and all else as it was. Refused where Jinja says it."""
        body: dict[str, Any] = copy.deepcopy(dict(self.body))
        test = wanted.test or self.test
        gone = self.arguments.keys() - {"column_name"} if test != self.test else ()
        _put_arguments(body, {**dict.fromkeys(gone), **wanted.arguments})
        for key, value in wanted.settings.items():
            _put_setting(body, key, value)
        if wanted.meta:
            _put_meta(body, wanted.meta)
        if wanted.name is not None:
            named = {"name": wanted.name} if wanted.name else {}
            body = {**named, **{key: value for key, value in body.items() if key != "name"}}
        if self.spread:
            return {**body, "test_name": test}
        return {test: body} if body else test


def read_test(raw: Any) -> FileTest | None:
    """A list item as a test; None where it is none."""
    if isinstance(raw, str):
        return FileTest(raw, {}, raw)
    if not isinstance(raw, Mapping) or not raw:
        return None
    if isinstance(raw.get("test_name"), str):
        body = {key: value for key, value in raw.items() if key != "test_name"}
        return FileTest(raw["test_name"], body, raw, spread=True)
    ((test, body), *rest) = raw.items()
    # dbt also takes the settings beside the test's name, where somebody forgot to indent them.
    if not isinstance(test, str) or rest:
        return None
    return FileTest(test, body if isinstance(body, Mapping) else {}, raw)


def listed_under(entry: Raw, habit: str) -> str:
    """The key that an entry has already for its tests, else the file's: dbt refuses both at once."""
    return next((key for key in KEYS if key in entry), habit)


def is_nested(data: Raw, *, read: bool, usual: bool) -> bool:
    """Whether a new test nests its arguments, where dbt `read`s them so: as in the file, else as `usual`."""
    nested = flat = 0
    for test in _tests_in(data):
        nested += ARGUMENTS in test.body
        flat += ARGUMENTS not in test.body and bool(test.arguments)
    by_habit = nested >= flat if nested or flat else usual
    return read and by_habit


def _tests_in(value: Any) -> Iterator[FileTest]:
    if isinstance(value, Mapping):
        for key, inside in value.items():
            if key in KEYS and isinstance(inside, list):
                yield from filter(None, map(read_test, inside))
            else:
                yield from _tests_in(inside)
    elif isinstance(value, list):
        for one in value:
            yield from _tests_in(one)


def has_jinja(value: Any) -> bool:
    """Whether dbt makes a part of the value while it reads the file."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(map(has_jinja, inside))


def _put_arguments(body: dict[str, Any], wanted: Raw) -> None:
    nested = body.get(ARGUMENTS)
    home: dict[str, Any] = nested if isinstance(nested, dict) else body
    for key, value in wanted.items():
        place = body if key in body and key not in home else home
        _refuse_jinja(key, place.get(key))
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    if nested == {}:
        del body[ARGUMENTS]


def _setting(body: Raw, key: str) -> Any:
    config = body.get("config")
    if isinstance(config, Mapping) and key in config:
        return config[key]
    return body.get(key)


def _put_setting(body: dict[str, Any], key: str, value: str) -> None:
    """Set it where it stands or under `config`; an empty value is dbt's own, so the key goes.

    A severity that no line says comes from elsewhere, and so has to be said where another one is wanted.
    """
    old = _setting(body, key)
    if key == "severity":
        value = value or ("" if old else "error")
        if old and str(old).lower() == (value or "error"):
            return
    elif (old or "") == value:
        return
    _refuse_jinja(key, old)
    config = body.get("config")
    home = config if isinstance(config, dict) and key in config else body if key in body else None
    if home is None:
        home = body.setdefault("config", {})
    if value:
        home[key] = value
    else:
        home.pop(key, None)
    if body.get("config") == {}:
        del body["config"]


def _put_meta(body: dict[str, Any], wanted: Raw) -> None:
    config = body.get("config")
    place = config.get("meta") if isinstance(config, dict) else None
    place = place if isinstance(place, dict) else body.get("meta")
    if not isinstance(place, dict):
        if new := {key: value for key, value in wanted.items() if value is not None}:
            body.setdefault("config", {})["meta"] = new
        return
    for key, value in wanted.items():
        _refuse_jinja(key, place.get(key))
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value


def _refuse_jinja(key: str, old: Any) -> None:
    if has_jinja(old):
        raise YamlRefused(
            "not-literal",
            f"{key} is made by Jinja in this file. Change what it refers to, or write it out here first.",
        )
