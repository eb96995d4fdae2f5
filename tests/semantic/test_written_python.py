"""What a model in Python sets, read and never run."""

from __future__ import annotations

import os
import textwrap

import pytest

from semantic.written import Layer
from semantic.written_python import in_python
from tests.semantic.test_written import told

MODEL = textwrap.dedent("""\
    import os

    os.environ["BISYNC_RAN"] = "yes"


    def model(dbt, session):
        dbt.config(
            materialized="table",
            tags=["nightly", 'sales'],
            enabled=True,
            meta={
                "owner": "Sales",
                "tier": None,
                "computed": os.getcwd(),
                **{},
            },
            packages=(
                "numpy==1.26",
            ), pre_hook="set x = '\\d'",
            schema=os.environ["X"],
        )
        session.config(alias="other")
        dbt.config.get("alias")
        dbt.config(**{"alias": "unnamed"})
        return dbt.ref("orders")
    """)


def test_settings_have_the_lines_of_their_name_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BISYNC_RAN", raising=False)

    found = in_python(MODEL)

    assert found is not None
    assert told(found) == {
        ("", "materialized"): ("table", 8, 8),
        ("", "tags"): ("nightly, sales", 9, 9),
        ("", "enabled"): ("true", 10, 10),
        ("", "meta.owner"): ("Sales", 12, 12),
        ("", "meta.tier"): ("null", 13, 13),
        ("", "packages"): ("numpy==1.26", 17, 19),
        ("", "pre-hook"): ("set x = '\\d'", 19, 19),
    }
    assert {one.layer for one in found} == {Layer.CODE}
    assert "BISYNC_RAN" not in os.environ


@pytest.mark.parametrize("text", ["def model(", "\x00", "(" * 5_000, "a = 1\rb = 2", f"x = {'9' * 5_000}"])
def test_what_is_no_python_is_said_to_be_so(text: str) -> None:
    assert in_python(text) is None


def test_what_sets_nothing_says_nothing() -> None:
    assert in_python("def model(dbt, session):\r\n    return dbt.ref('orders')\r\n") == []
    assert in_python("") == []
