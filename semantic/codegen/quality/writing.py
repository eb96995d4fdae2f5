"""A rule that somebody adds, changes or takes away, as changes of the project's files."""

from __future__ import annotations

from semantic.codegen.changes import FileChange
from semantic.codegen.quality.edits import AddTest, ChangeTest, RemoveTest, Written
from semantic.codegen.quality.file_tests import Difference
from semantic.codegen.quality.habits import Habits
from semantic.codegen.quality.macros import MACRO_FILE, MACROS
from semantic.codegen.quality.promises import (
    NO_CONDITION,
    AlwaysTrue,
    Condition,
    InRange,
    Percentage,
    PositiveInteger,
)
from semantic.codegen.quality.reading import CONDITION_ARGUMENTS, ROW_CONDITIONS, flat
from semantic.codegen.quality.rule import QualityRule, Severity, Target
from semantic.codegen.quality.source_freshness import FRESHNESS, SetFreshness, is_of_source
from semantic.codegen.quality.spelled import Compiles, Spelled, spelled
from semantic.codegen.quality.ways import bare


def rule_added(
    rule: QualityRule, target: Target, habits: Habits, *, path: str, compiles: Compiles
) -> tuple[FileChange, ...]:
    """The test in the properties file `path`, and Bisync's macros where it needs them. Raises Refused.

    How old a source may be is no test: dbt has a place of its own for it.
    """
    if is_of_source(rule, target):
        found = spelled(rule, target, habits, compiles=compiles)
        edit = SetFreshness(target, found.arguments, found.where, habits.dbt_version)
        return (FileChange(path, (edit,)),)
    test = spelled(rule, target, habits, compiles=compiles)
    return (FileChange(path, (_added(target, test, habits),)), *macros_for(test, habits))


def rule_changed(
    old: QualityRule,
    new: QualityRule,
    target: Target,
    was: Written,
    habits: Habits,
    *,
    path: str,
    compiles: Compiles,
) -> tuple[FileChange, ...]:
    """The test that said `old` says `new`; only the lines of what differs are touched. Raises Refused.

    Where no argument of the test can say it, another test takes its place.
    """
    if old == new:
        return ()
    if was.test == FRESHNESS:
        return _freshness_changed(old, new, target, was, habits, path, compiles)
    standing = _standing(old, was)
    like = was.test if _family(old) == _family(new) else ""
    before = spelled(old, target, habits, compiles=compiles, like=was.test, standing=standing)
    after = spelled(new, target, habits, compiles=compiles, like=like, standing=standing)
    if after.column.casefold() != was.column.casefold():
        edits: tuple[AddTest | RemoveTest, ...] = (
            _added(target, after, habits),
            RemoveTest(target, was),
        )
        return (FileChange(path, edits), *macros_for(after, habits))
    wanted = _difference(before, after, was)
    return (FileChange(path, (ChangeTest(target, was, wanted),)), *macros_for(after, habits))


def _added(target: Target, test: Spelled, habits: Habits) -> AddTest:
    return AddTest(target, test, habits.reads_nested, habits.nests_arguments, habits.tests_key)


def _freshness_changed(
    old: QualityRule,
    new: QualityRule,
    target: Target,
    was: Written,
    habits: Habits,
    path: str,
    compiles: Compiles,
) -> tuple[FileChange, ...]:
    test = spelled(new, target, habits, compiles=compiles, standing=_standing(old, was))
    where = test.where if new.where != old.where else None
    edit = SetFreshness(target, test.arguments, where, habits.dbt_version, old.severity)
    return (FileChange(path, (edit,)),)


def rule_removed(
    target: Target, was: Written, *, path: str, severity: Severity = "error"
) -> tuple[FileChange, ...]:
    """The test taken out of its file; the macros stay, since other tests may need them.

    Of a source's freshness, the limit of the `severity` goes.
    """
    if was.test == FRESHNESS:
        return (FileChange(path, (SetFreshness(target, {}, None, (1, 11), severity),)),)
    return (FileChange(path, (RemoveTest(target, was),)),)


def macros_for(test: Spelled, habits: Habits) -> tuple[FileChange, ...]:
    """The file with Bisync's own tests, where the test is one of them; it is written once."""
    return (FileChange(habits.project.macro_file(MACRO_FILE), content=MACROS),) if test.is_own else ()


def _difference(before: Spelled, after: Spelled, was: Written) -> Difference:
    settings = {
        key: getattr(after, key)
        for key in ("severity", "where")
        if getattr(before, key) != getattr(after, key)
    }
    meta = {
        key: after.meta.get(key) for key in ("owner", "bisync") if before.meta.get(key) != after.meta.get(key)
    }
    name = after.name if before.name != after.name else None
    if after.test != was.test:
        return Difference(after.test, after.arguments, settings, meta, name)
    arguments = {
        key: after.arguments.get(key)
        for key in (*before.arguments, *after.arguments)
        if before.arguments.get(key) != after.arguments.get(key)
    }
    # A package's own argument for the rows that count stays the place where they are named.
    place = next((name for name in ROW_CONDITIONS if name in flat(was.arguments)), "")
    if place and "where" in settings:
        arguments[place] = settings.pop("where") or None
    return Difference("", arguments, settings, meta, name)


def _family(rule: QualityRule) -> type:
    """Promises that one test can say, the one as well as the other."""
    promised = type(rule.promise)
    return InRange if promised in (Percentage, PositiveInteger) else promised


def _standing(old: QualityRule, was: Written) -> dict[Condition, str]:
    """The conditions of a rule with the SQL that they have in dbt's file."""
    arguments = flat(was.arguments)
    where = was.where or next((arguments[name] for name in ROW_CONDITIONS if name in arguments), "")
    found = {old.where: where} if old.where != NO_CONDITION else {}
    if isinstance(old.promise, AlwaysTrue):
        found[old.promise.condition] = arguments[CONDITION_ARGUMENTS[bare(was.test)]]
    return found
