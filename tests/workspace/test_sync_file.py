"""bisync/sync.yml: what it may say, and for everything else the line and what to write instead."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path

import pytest

from workspace.models.strategies import CHOICES
from workspace.sync_file import read, times

DOCS = Path(__file__).resolve().parents[2] / "docs/reference/sync-yml.md"
TOP = "version: 1\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pull: off", {"pull": {}}),
        ("pull: 'off'", {"pull": {}}),
        ("pull: {every: hours, count: 2}", {"pull": {"every": "hours", "count": 2}}),
        ("pull: {every: day, at: 16:30}", {"pull": {"every": "day", "at": "16:30"}}),
        ("pull: {every: day, at: 6:05}", {"pull": {"every": "day", "at": "06:05"}}),
        (
            "pull: {every: week, weekday: sunday, at: '06:30'}",
            {"pull": {"every": "week", "weekday": 6, "at": "06:30"}},
        ),
        ("metadata: {tests: {strategy: off}}", {"tests.strategy": "off"}),
        (
            "metadata:\n  documentation: {strategy: dbt_to_bisync, conflicts: dbt}\n  lineage: {frequency: daily}",
            {
                "documentation.strategy": "dbt_to_bisync",
                "documentation.conflicts": "dbt",
                "lineage.frequency": "daily",
            },
        ),
    ],
)
def test_what_it_says_is_read_as_it_is_written(text: str, said: dict[str, object]) -> None:
    found = read((TOP + text).encode())

    assert (found.problems, found.values) == ([], said)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "Write one or more of: version, pull, metadata"),
        ("- version: 1", 1, "Write one or more of"),
        ("pull: off", 1, "Write “version: 1”"),
        ("version: 2", 1, "Write 1."),
        (TOP + "pull: [", 3, "This is not YAML"),
        (TOP + "pull: on", 2, "Write off or every:"),
        (TOP + "pull:\n  count: 2", 3, "Say how often"),
        (TOP + "pull:\n  every: hour", 3, "Write minutes or hours or day or week"),
        (TOP + "pull:\n  every: hours", 3, "needs “count”"),
        (TOP + "pull:\n  every: hours\n  count: two", 4, "such as 2"),
        (TOP + "pull:\n  every: minutes\n  count: 3", 4, "from 5 to 10080"),
        (TOP + "pull:\n  every: day\n  at: 25:00", 4, "such as 06:30"),
        (TOP + "pull:\n  every: day\n  at: 06:00\n  count: 2", 5, "Leave it out"),
        (TOP + "pull:\n  every: week\n  at: 06:00\n  weekday: funday", 5, "monday or tuesday"),
        (TOP + "metadata:\n  model: {strategy: both}", 3, "Write one of: models, documentation"),
        (TOP + "metadata:\n  tests:\n    conflicts: ask", 4, "Write one of: strategy"),
        (TOP + "metadata:\n  tests:\n    strategy: maybe", 4, "Write both or dbt_to_bisync or off"),
        (TOP + "metadata:\n  tests: {strategy: off}\n  tests: {strategy: both}", 4, "here twice"),
        (TOP + "metadata:\n  tests: [off]", 3, "belong keys with values"),
        (
            TOP + "metadata:\n  documentation:\n    strategy: dbt_to_bisync\n    conflicts: business",
            5,
            "Write “conflicts: dbt”",
        ),
        (TOP + "<<: {pull: off}", 2, "“<<” is no key"),
    ],
)
def test_what_is_wrong_is_told_by_line_with_what_to_write(text: str, line: int, words: str) -> None:
    found = read(text.encode())

    assert found.values == {}
    assert [number for number, _sentence in found.problems] == [line], found.problems
    assert words in found.problems[0][1]


@pytest.mark.parametrize(
    "raw",
    [
        b"version: 1\nname: \xff\n",
        b"version: 1 # " + b"x" * 100_000,
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 9)) for n in range(97, 106)),
        b"version: &v [*v]\n",
        b"[" * 5_000,
        b"version: 1\x00",
        b"!!python/object/apply:os.system ['true']",
        b"? {a: b}\n: c\n",
    ],
)
def test_whatever_strangers_write_is_told_and_never_raises(raw: bytes) -> None:
    found = read(raw)

    assert found.values == {}
    assert all(line >= 1 and sentence for line, sentence in found.problems)
    assert 1 <= len(found.problems) <= 20


def test_its_times_are_those_that_timetables_take() -> None:
    assert times({}) == {"every": ""}
    assert times({"every": "day", "at": "06:05"}) == {"every": "day", "at": time(6, 5)}


def test_the_reference_has_every_key_and_value_and_its_examples_are_good() -> None:
    text = DOCS.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `metadata\.(\w+)\.(\w+)` \| ([^|]+) \|", text, re.MULTILINE)
    told = {(kind, key): re.findall(r"`(\w+)`", values) for kind, key, values in rows}
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)

    assert told == {
        (kind, key): [choice.value for choice in offered]
        for kind, keys in CHOICES.items()
        for key, offered in keys.items()
    }
    assert examples
    assert [read(example.encode()).problems for example in examples] == [[]] * len(examples)
