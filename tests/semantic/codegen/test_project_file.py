"""What a project's own file says, and what becomes of it where it says nothing that can be read."""

from __future__ import annotations

import pytest

from semantic.project_file import FILE, ProjectFile, project_file

pytestmark = pytest.mark.pure

WHOLE = """\
name: shop
model-paths: [transform/, more]
macro-paths: ["sql/macros"]
docs-paths: [docs]
flags:
  require_generic_test_arguments_property: false
models:
  shop:
    +materialized: view
    marts:
      finance:
        +contract: {enforced: true}
        open:
          contract:
            enforced: false
        ledger:
          +contract: {enforced: false}
data_tests:
  shop:
    marts:
      +severity: warn
"""


def test_folders_flags_and_settings_are_those_of_the_file() -> None:
    found = project_file({FILE: WHOLE})

    assert (found.name, found.model_paths, found.docs_folder) == ("shop", ("transform", "more"), "docs")
    assert found.macro_file("macros/x/y.sql") == "sql/macros/x/y.sql"
    assert not found.nests_arguments((1, 11))
    assert found.warns


@pytest.mark.parametrize(
    "text", ["", "name: shop", "- a list", "a: [", "model-paths: '{{ x }}'\nflags: '{{ y }}'\nmodels:"]
)
def test_what_is_not_said_is_what_dbt_takes_by_itself(text: str) -> None:
    found = project_file({FILE: text})

    assert (found.model_paths, found.docs_folder) == (("models",), "models")
    assert found.macro_file("macros/x/y.sql") == "macros/x/y.sql"
    assert [found.nests_arguments(version) for version in ((1, 10), (1, 11), (1, 12))] == [False, True, True]
    assert not found.warns
    assert not found.has_contract("models/a.sql")
    assert project_file({}) == ProjectFile()


@pytest.mark.parametrize(
    ("path", "contract"),
    [
        ("transform/marts/finance/fct_bills.sql", True),
        ("more/marts/finance/deep/fct_bills.sql", True),
        ("transform/marts/finance/open/fct_bills.sql", False),
        ("transform/marts/finance/ledger.sql", False),
        ("transform/marts/fct_orders.sql", False),
        ("models/marts/finance/fct_bills.sql", False),
    ],
)
def test_the_nearest_folder_says_whether_a_model_has_a_contract(path: str, contract: bool) -> None:
    assert project_file({FILE: WHOLE}).has_contract(path) is contract


@pytest.mark.parametrize(
    ("said", "warns"),
    [
        ("+severity: warn", True),
        ("severity: WARN", True),
        ("shop: {deep: {+severity: warn}}", True),
        ("""+severity: "{{ 'error' if target.name == 'prod' else 'warn' }}\"""", True),
        ("+severity: ERROR", False),
        ("+store_failures: true", False),
    ],
)
@pytest.mark.parametrize("key", ["tests", "data_tests"])
def test_tests_may_warn_wherever_the_project_says_so(key: str, said: str, warns: bool) -> None:
    assert project_file({FILE: f"{key}:\n  {said}\n"}).warns is warns


FLAT = """models:
  - name: orders
    columns:
      - name: status
        data_tests:
          - accepted_values:  # as agreed
              values: [open, paid]
          - relationships: {to: ref('states'), field: id}
"""
NESTED = FLAT.replace("values: [open, paid]", "arguments: {values: [open, paid]}")
NAMED = FLAT.replace("values: [open, paid]", "config: {severity: warn}\n              values: [open, paid]")
FEW = FLAT.replace("          - relationships: {to: ref('states'), field: id}\n", "")
OTHER = "macros:\n  - name: m\n    arguments:\n      - name: a\n        description: accepted_values\n"
ASKED = "flags:\n  require_generic_test_arguments_property: true\n"


@pytest.mark.parametrize(
    ("texts", "nested"),
    [
        ((), True),
        ((FLAT,), False),
        ((FLAT, OTHER), False),
        ((FEW,), True),
        ((FEW, FEW), False),
        ((NAMED,), True),
        ((NESTED,), True),
        ((FLAT, FLAT, NESTED), True),
    ],
)
def test_a_project_that_nests_no_arguments_is_followed_unless_it_asks_for_it(
    texts: tuple[str, ...], nested: bool
) -> None:
    files = {f"models/m{number}.yml": text for number, text in enumerate(texts)}
    found, asked = project_file(files), project_file({**files, FILE: ASKED})

    assert found.nests_arguments((1, 11)) is nested
    assert found.reads_nested((1, 11))
    assert not found.nests_arguments((1, 10))
    assert asked.nests_arguments((1, 10))
