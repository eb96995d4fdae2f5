"""Where the tests that fail and the sources that are not fresh are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from catalog.models import Node, NodeTest
from catalog.outcomes import Tested, looked_wrong
from environments import health
from environments.findings import Found
from governance.models import Project

# So much text is looked into for their lines, from all files together: YAML with places is slow to read.
_MOST_TEXT = 2_000_000


def files_of(project: Project, tests: Iterable[Tested]) -> dict[str, str]:
    """The file of each of them, by its id, as the last pull has it."""
    keys = [one.unique_id for one in tests]
    of_tests = NodeTest.objects.filter(project=project, unique_id__in=keys).values_list("unique_id", "path")
    sources = Node.objects.filter(project=project, resource_type="source", unique_id__in=keys)
    return dict(of_tests.order_by().union(sources.order_by().values_list("unique_id", "path"), all=True))


def lines_of(project: Project, read: Callable[[str], str]) -> dict[str, int]:
    """The line of each that is wrong now, by its id; `read` gives a file's text. For jobs."""
    wrong = looked_wrong(project).wrong
    files = files_of(project, wrong)
    found = [
        Found(
            "test-failed",
            one.node,
            _named(one.node),
            files[one.unique_id],
            {"of": one.unique_id},
            member=one.column,
        )
        for one in wrong
        if one.unique_id in files
    ]
    placed = health.placed(found, _sparing(read))
    return {one.params["of"]: one.line for one in placed if one.line}


def _sparing(read: Callable[[str], str]) -> Callable[[str], str]:
    """Reads as `read` does until it was enough, and leaves out a file that would be too much."""
    left = _MOST_TEXT

    def reading(file: str) -> str:
        nonlocal left
        text = read(file) if left else ""
        if len(text) > left:
            return ""
        left -= len(text)
        return text

    return reading


def _named(unique_id: str) -> str:
    """The name of a node in its file: of a table that of its source is left out."""
    kind, _package, *names = [*unique_id.split("."), ""]
    return names[1] if kind == "source" else names[0]
