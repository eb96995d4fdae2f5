"""What a dbt project says at one commit, asked by those who are about to change it."""

from __future__ import annotations

from collections.abc import ItemsView
from typing import Any

import msgspec
import pytest

from catalog.reading import Manifest
from semantic.definitions import Vocabulary
from semantic.known import Known
from tests.catalog.test_coverage import manifest

pytestmark = pytest.mark.pure


class Counted(dict[str, Any]):
    """What depends on what, and how often somebody went through all of it."""

    walks = 0

    def items(self) -> ItemsView[str, Any]:
        self.walks += 1
        return super().items()


def test_the_tests_of_a_node_are_found_in_one_walk_over_the_project() -> None:
    whole = manifest("1.11")
    parents = Counted(whole.parts.parent_map)
    found = Manifest(msgspec.structs.replace(whole.parts, parent_map=parents))
    known = Known(Vocabulary(models={}, metrics={}), lambda: found)
    node = next(above for name in whole.tests for above in parents[name])

    tests = known.tests_of(node)

    assert tests
    assert all(test.node == node for test in tests)
    assert len(tests) < len(whole.tests)
    assert parents.walks == 1
