"""Whether a warehouse can be used: reached, read, built in; and what to do where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from workspace.warehouse import trial
from workspace.warehouse.base import MayNotBuild, MayNotRead, WarehouseRefused, WarehouseUnreachable
from workspace.warehouse.location import Location
from workspace.warehouse.release import NoRoom


@pytest.fixture
def guest(postgres: Location) -> Location:
    """Somebody who may sign in, and nothing more, to a database with a table of somebody else's."""
    user = f"guest_{postgres.database}"
    _as_owner(
        postgres,
        f"CREATE ROLE {user} LOGIN PASSWORD 'guest'",
        'CREATE SCHEMA raw; CREATE TABLE raw."Orders" AS SELECT 1 AS id',
    )
    return replace(postgres, user=user, password="guest")


def _as_owner(location: Location, *statements: str) -> list[str]:
    with psycopg.connect(
        host=location.host, port=location.port, dbname=location.database,
        user=location.user, password=location.password, autocommit=True,
    ) as connection:  # fmt: skip
        for statement in statements:
            connection.execute(statement)
        return [str(row[0]) for row in connection.execute("SELECT nspname FROM pg_namespace ORDER BY 1")]


def passed(location: Location, sources: Sequence[Sequence[str]] = ()) -> list[str]:
    done = []
    for name, step in trial.steps(location, sources):
        step()
        done.append(name)
    return done


def test_a_server_that_can_be_used_passes_and_keeps_nothing_of_it(postgres: Location) -> None:
    before = _as_owner(postgres)

    assert passed(postgres, [["raw", "orders"]]) == ["reach", "read", "build"]

    assert _as_owner(postgres) == before


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"port": 1}, WarehouseUnreachable), ({"database": "nowhere"}, WarehouseRefused)],
)
def test_one_that_is_not_there_fails_at_the_first_step(
    postgres: Location, change: dict[str, object], kind: type[Exception]
) -> None:
    (_name, reach), *_others = trial.steps(replace(postgres, **change), [])

    with pytest.raises(kind):
        reach()


def test_sources_that_may_not_be_read_are_named_with_what_to_run(postgres: Location, guest: Location) -> None:
    read = dict(trial.steps(guest, [["raw", "Orders"], ["raw", "not_made_yet"]]))["read"]
    with pytest.raises(MayNotRead) as caught:
        read()
    assert 'raw."Orders"' in str(caught.value)
    assert "not_made_yet" not in str(caught.value)

    _as_owner(
        postgres, f'GRANT USAGE ON SCHEMA raw TO {guest.user}; GRANT SELECT ON raw."Orders" TO {guest.user}'
    )
    read()


def test_a_user_who_may_not_make_schemas_is_told_the_statement_that_helps(
    postgres: Location, guest: Location
) -> None:
    build = dict(trial.steps(guest, []))["build"]
    with pytest.raises(MayNotBuild) as caught:
        build()

    _as_owner(postgres, str(caught.value.params["statement"]))
    build()


def test_a_duckdb_place_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    place = Location(adapter="duckdb", schema="x", path=str(tmp_path / "v" / "warehouse.duckdb"))

    assert passed(place) == ["build"]

    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_no_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("a file")
    place = Location(adapter="duckdb", schema="x", path=str(tmp_path / "v" / "warehouse.duckdb"))

    with pytest.raises(NoRoom):
        passed(place)
