"""A rule as an entry of a properties file: which test, its arguments and settings, and why that one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from catalog.quality.rules import Rule, Test, freshness, rule_of, unread
from catalog.quality.spelling import BISYNC, DBT
from catalog.quality.spellings import BY_NAME
from catalog.quality.tellers import Reads
from semantic.codegen.entries import Refused
from semantic.codegen.quality.habits import Habits
from semantic.codegen.quality.macros import MACRO_FILE
from semantic.codegen.quality.promises import (
    NO_CONDITION,
    AlwaysTrue,
    Condition,
    Freshness,
    column_problems,
)
from semantic.codegen.quality.rule import QualityRule, Target
from semantic.codegen.quality.source_freshness import FRESHNESS, is_of_source, source_arguments
from semantic.codegen.quality.ways import (
    WAYS,
    Arguments,
    Asked,
    arguments_of,
    bare,
    breaks_on_blanks,
    by_time_column,
)
from semantic.rules.text import text_problems

# From a condition as a formula to the same as SQL of the project's warehouse; raises Refused.
Compiles: TypeAlias = Callable[[str], str]
# As dbt's `add_rendered_test_kwargs` looks for it.
_CALL = re.compile(r"\s*(env_var|ref|var|source|doc)\s*\(.+\)\s*$", re.DOTALL)
Standing: TypeAlias = Mapping[Condition, str]


@dataclass(frozen=True, slots=True)
class Spelled:
    """A test as dbt's YAML will name it, before the file says where its arguments and settings stand.

    `where`, `severity` and `note` are set only where they differ from what dbt may take anyway. `why` is a
    sentence for people, with what the project shows for it.
    """

    test: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    where: str = ""
    severity: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    column: str = ""
    why: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it needs the macros that Bisync brings along."""
        return self.test.startswith("bisync_")

    @property
    def config(self) -> dict[str, Any]:
        """What stands under `config`."""
        given = {"severity": self.severity, "where": self.where, "meta": self.meta}
        return {key: value for key, value in given.items() if value}

    def entry(self, *, nested: bool) -> str | dict[str, Any]:
        """The list item; `nested` says that arguments stand under a key of their own."""
        body: dict[str, Any] = {"name": self.name} if self.name else {}
        if self.arguments:
            body |= {"arguments": dict(self.arguments)} if nested else self.arguments
        if self.config:
            body["config"] = self.config
        return {self.test: body} if body else self.test


def spelled(
    rule: QualityRule,
    target: Target,
    habits: Habits,
    *,
    compiles: Compiles,
    like: str = "",
    standing: Standing = MappingProxyType({}),
) -> Spelled:
    """The test that keeps a rule, in the spelling that the project uses. Raises Refused.

    It is the test `like`, as far as that one can say it. Conditions that are `standing` in dbt's file keep
    the SQL that they have there.
    """
    _refuse(rule, target)
    if is_of_source(rule, target):
        why = f"{FRESHNESS}, the place that dbt itself has for the age of sources"
        where = _sql(rule.where, compiles, standing)
        return Spelled(FRESHNESS, source_arguments(rule), where=where, why=why)
    sql = _sql(rule.promise.condition, compiles, standing) if isinstance(rule.promise, AlwaysTrue) else ""
    test, arguments = _chosen(Asked(rule.promise, sql, habits.dialect), habits, like)
    _refuse_calls([value for name, value in arguments.items() if name != "to"])
    column = target.column if rule.of_column else ""
    if isinstance(rule.promise, Freshness) and by_time_column(test):
        column = rule.promise.time
    return Spelled(
        test=test,
        arguments=arguments,
        name=rule.name,
        where=_sql(rule.where, compiles, standing),
        severity=rule.severity if rule.severity == "warn" or habits.project.warns else "",
        meta=_meta(rule),
        column=column,
        why=_why(test, habits),
    )


def _refuse(rule: QualityRule, target: Target) -> None:
    problems = rule.problems()
    for text in (target.name, target.source, target.column):
        problems += text_problems(text, limit=300, lines=False)
    if rule.of_column and not target.column:
        problems.append("Choose the column that the rule is about.")
    if target.column:
        problems += column_problems(target.column)
    if problems:
        raise Refused(problems[0])


def is_call(value: str) -> bool:
    """Whether dbt runs a text in a test's arguments instead of taking it as one."""
    return bool(_CALL.match(value))


def _refuse_calls(value: object) -> None:
    """dbt runs a text that looks like a call of its own, wherever in a test's arguments it stands."""
    if isinstance(value, str) and is_call(value):
        raise Refused(f"dbt would run “{value}” rather than take it as text. Write it in another way.")
    for one in value if isinstance(value, list) else ():
        _refuse_calls(one)


def _sql(condition: Condition, compiles: Compiles, standing: Standing) -> str:
    if condition in standing:
        return standing[condition]
    if condition.sql:
        raise Refused("The condition is SQL. Write it as a formula, or change it in dbt's file.")
    return compiles(condition.formula) if condition.formula else ""


def _meta(rule: QualityRule) -> dict[str, Any]:
    """What dbt has no place for: who looks after it, and the formulas as typed."""
    formula = rule.promise.condition.formula if isinstance(rule.promise, AlwaysTrue) else ""
    own = {key: text for key, text in (("formula", formula), ("where", rule.where.formula)) if text}
    return {key: value for key, value in (("owner", rule.owner), ("bisync", own)) if value}


# -- Which spelling -------------------------------------------------------------------------------------


def _chosen(asked: Asked, habits: Habits, like: str) -> tuple[str, Arguments]:
    """Of the tests that can say it the one used most, else dbt's, else a package's in use, else ours."""
    tests = [_called(test, habits) for test in WAYS[type(asked.promise)] if not breaks_on_blanks(test, asked)]
    found = {test: given for test in tests if test and (given := arguments_of(test, asked)) is not None}
    if like and bare(like) in BY_NAME and (given := arguments_of(like, asked)) is not None:
        return like, given
    if not found:
        raise Refused(
            "dbt's own test of accepted values lets blanks pass. Add “It is never blank” as another rule."
        )
    # Those that are used equally often keep their order, which is from the plainest on.
    test = max(found, key=lambda one: habits.uses[one].count if one in habits.uses else 0)
    return test, found[test]


def _called(test: str, habits: Habits) -> str:
    """What the project calls a test: it may have a copy of a package's; "" where it has neither."""
    package, _, name = test.rpartition(".")
    if not package or (test in habits.tests and package in habits.packages):
        return test
    return name if name in habits.tests else ""


def _why(test: str, habits: Habits) -> str:
    if use := habits.uses.get(test):
        times = "1 test" if use.count == 1 else f"{use.count} tests"
        return f"{test}, as in {times} of the project, for example in {use.file}"
    source = BY_NAME[bare(test)].source
    if source == DBT:
        return f"{test}, which dbt itself brings"
    if source == BISYNC:
        file = habits.project.macro_file(MACRO_FILE)
        return f"{test}, a test of Bisync's own in {file}: dbt and the packages in use have none for it"
    if "." not in test:
        return f"{test}, which the project has among its own tests"
    return f"{test}, from the package {test.partition('.')[0]}, which the project uses already"


# -- In words -------------------------------------------------------------------------------------------


def told(rule: QualityRule, target: Target, *, reads: Reads = unread) -> Rule:
    """The rule in the words in which the catalogue will tell it once it is a dbt test.

    `reads` says conditions as formulas that are SQL.
    """
    if is_of_source(rule, target):
        raw = {**source_arguments(rule), "filter": rule.where.formula or rule.where.sql}
        if (found := freshness(target.name, raw)) is not None:
            return found
    condition = rule.promise.condition if isinstance(rule.promise, AlwaysTrue) else NO_CONDITION
    typed = {condition.formula, rule.where.formula}
    asked = Asked(rule.promise, condition.formula or condition.sql)
    ways = ((test, arguments_of(test, asked)) for test in WAYS[type(rule.promise)])
    test, arguments = next((test, found) for test, found in ways if found is not None)
    return rule_of(
        Test(
            kind=test,
            name=rule.name,
            about=target.name,
            column=target.column if rule.of_column else "",
            arguments=arguments,
            severity=rule.severity,
            config={"where": rule.where.formula or rule.where.sql},
        ),
        reads=lambda text: text if text in typed else reads(text),
    )
