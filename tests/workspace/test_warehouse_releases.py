"""Publishing a version: nobody who reads meanwhile may notice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import psycopg
import pytest

from tests.workspace.test_warehouse_reading import execute
from workspace.warehouse import release
from workspace.warehouse.location import Location
from workspace.warehouse.postgres import Connection, connect
from workspace.warehouse.release import (
    NoRoom,
    ReleaseBlocked,
    ReleaseBusy,
    ReleaseIncomplete,
    ReleaseInUse,
    ReleaseMoved,
    Source,
    drop_schemas,
    ensure_schema,
    prepare_duckdb,
    publish_views,
    published_views,
    remove_duckdb,
)

# -- DuckDB ------------------------------------------------------------------------------------------


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def live(tmp_path: Path) -> Path:
    path = tmp_path / "1" / "shop.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n; CREATE VIEW v AS SELECT n FROM shop.main.t")
    return path


def test_a_new_version_begins_with_the_live_one_and_leaves_it_alone(live: Path, tmp_path: Path) -> None:
    new = tmp_path / "2" / "shop.duckdb"

    prepare_duckdb(live, new)
    with duckdb.connect(str(new)) as connection:
        connection.execute("UPDATE t SET n = 2")

    assert rows(new, "SELECT n FROM v") == [(2,)]
    assert rows(live, "SELECT n FROM v") == [(1,)]


def test_what_the_live_version_has_only_in_its_log_is_copied_too(live: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(live)) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown; UPDATE t SET n = 7")
    assert live.with_name("shop.duckdb.wal").exists()

    prepare_duckdb(live, tmp_path / "2" / "shop.duckdb")

    assert rows(tmp_path / "2" / "shop.duckdb", "SELECT n FROM t") == [(7,)]


def test_a_build_that_begins_again_finds_nothing_of_the_first_attempt(live: Path, tmp_path: Path) -> None:
    new = tmp_path / "2" / "shop.duckdb"
    for start, expected in ((live, ["t", "v"]), (None, [])):
        prepare_duckdb(start, new)
        with duckdb.connect(str(new)) as connection:
            found = connection.execute(
                "SELECT table_name FROM information_schema.tables ORDER BY 1"
            ).fetchall()
            connection.execute("CREATE TABLE half AS SELECT 1")

        assert [name for (name,) in found] == expected


def test_a_version_may_not_change_the_name_of_its_database(live: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="different names"):
        prepare_duckdb(live, tmp_path / "2" / "other.duckdb")


def test_a_version_that_finds_no_room_says_so(live: Path, tmp_path: Path) -> None:
    (tmp_path / "2").write_text("a file where a directory is wanted")

    with pytest.raises(NoRoom) as caught:
        prepare_duckdb(live, tmp_path / "2" / "shop.duckdb")

    assert caught.value.params["folder"] == str(tmp_path / "2")


def test_a_version_is_removed_with_its_directory_but_not_with_what_else_lies_there(
    live: Path, tmp_path: Path
) -> None:
    new = tmp_path / "2" / "shop.duckdb"
    prepare_duckdb(live, new)
    (tmp_path / "2" / "note.txt").write_text("kept")

    for _twice in range(2):
        remove_duckdb(new)
        remove_duckdb(live)

    assert not live.parent.exists()
    assert [path.name for path in new.parent.iterdir()] == ["note.txt"]


# -- PostgreSQL --------------------------------------------------------------------------------------


def make_version(
    location: Location, number: int, columns: str = "{n} AS n, 'x' AS label"
) -> dict[str, Source]:
    """Tables a and b in a schema of their own; returns what views should show."""
    schema = f"v{number}"
    tables = [f"CREATE TABLE {schema}.{name} AS SELECT {columns.format(n=number)}" for name in "ab"]
    execute(location, f"CREATE SCHEMA {schema}", *tables)
    return {"a": (schema, "a"), "b": (schema, "b")}


def values(location: Location, sql: str) -> list[tuple[object, ...]]:
    with closing(connect(location, read_only=True)) as connection:
        return connection.execute(sql).fetchall()


def privileges(location: Location, role: str) -> set[tuple[object, ...]]:
    """What `role` may do with the views: on all of one, and column by column."""
    where = f"WHERE table_schema = 'mart' AND grantee = '{role}'"
    return set(
        values(
            location,
            f"""
            SELECT table_name, '', privilege_type, is_grantable
            FROM information_schema.table_privileges {where}
            UNION SELECT table_name, column_name, privilege_type, is_grantable
            FROM information_schema.column_privileges {where}
            """,
        )
    )


@pytest.fixture
def mart(postgres: Location) -> Location:
    """A database whose schema `mart` publishes version 1, readable by two roles."""
    first = make_version(postgres, 1)
    publish_views(postgres, schema="mart", relations=first, previous={})
    execute(
        postgres,
        *(
            f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN END $$"
            for role in ("bi", "lead")
        ),
        "GRANT SELECT ON mart.a TO bi",
        "GRANT SELECT (label) ON mart.b TO bi",
        "GRANT SELECT ON mart.a TO lead WITH GRANT OPTION",
    )
    return postgres


FIRST: dict[str, Source] = {"a": ("v1", "a"), "b": ("v1", "b")}


@contextmanager
def reading(location: Location, *, threads: int) -> Iterator[list[object]]:
    """Threads that read both views in one statement, again and again; yields what they saw."""
    seen: list[object] = []
    over = threading.Event()
    orders = ("SELECT a.n, b.n FROM mart.a, mart.b", "SELECT a.n, b.n FROM mart.b, mart.a")

    def read(number: int) -> None:
        with closing(connect(location, read_only=True)) as connection:
            connection.autocommit = True
            while not over.is_set():
                try:
                    seen.extend(connection.execute(orders[number % 2]).fetchall())
                except psycopg.Error as exc:
                    seen.append(exc)

    with ThreadPoolExecutor(threads) as pool:
        for number in range(threads):
            pool.submit(read, number)
        try:
            yield seen
        finally:
            over.set()


@pytest.mark.slow
def test_readers_see_thirty_publications_without_one_failure_or_mixture(mart: Location) -> None:
    previous = FIRST
    with reading(mart, threads=2) as seen:
        for number in range(2, 32):
            # Every third version has a column of another type, which needs new views.
            number_type = "bigint" if number % 3 == 0 else "integer"
            version = make_version(mart, number, columns=f"{{n}}::{number_type} AS n")
            publish_views(mart, schema="mart", relations=version, previous=previous)
            previous = version
        latest = values(mart, "SELECT a.n, b.n FROM mart.a, mart.b")

    failures = [entry for entry in seen if isinstance(entry, Exception)]
    torn = [entry for entry in seen if isinstance(entry, tuple) and entry[0] != entry[1]]
    versions = {entry[0] for entry in seen if isinstance(entry, tuple)}
    assert latest == [(31, 31)]
    assert (failures, torn) == ([], [])
    assert len(versions) > 15
    assert len(seen) > 500


def test_a_publication_keeps_what_was_granted(mart: Location) -> None:
    before = {role: privileges(mart, role) for role in ("bi", "lead")}

    publish_views(mart, schema="mart", relations=make_version(mart, 2), previous=FIRST)

    assert before["bi"]
    assert {role: privileges(mart, role) for role in ("bi", "lead")} == before


def test_columns_may_change_and_the_grants_stay(mart: Location) -> None:
    before = {role: privileges(mart, role) for role in ("bi", "lead")}
    execute(mart, "ALTER DEFAULT PRIVILEGES IN SCHEMA mart GRANT SELECT ON TABLES TO PUBLIC")
    version = make_version(mart, 2, columns="'x'::text AS label, {n}::numeric AS n, true AS fresh")

    publish_views(mart, schema="mart", relations=version, previous=FIRST)

    assert values(mart, "SELECT label, n, fresh FROM mart.a") == [("x", 2, True)]
    after = {role: privileges(mart, role) for role in ("bi", "lead")}
    # A right on all of a view spreads to its new columns; all others are as they were.
    assert {entry for role in after.values() for entry in role if entry[1] != "fresh"} == {
        entry for role in before.values() for entry in role
    }
    assert privileges(mart, "PUBLIC") == set()


def test_a_view_that_somebody_else_builds_on_is_not_taken_away(mart: Location) -> None:
    execute(mart, "CREATE SCHEMA theirs", "CREATE VIEW theirs.report AS SELECT n FROM mart.a")
    version = make_version(mart, 2, columns="'x' AS label")

    with pytest.raises(ReleaseBlocked, match=r"theirs\.report"):
        publish_views(mart, schema="mart", relations=version, previous=FIRST)

    assert published_views(mart, "mart") == FIRST
    assert values(mart, "SELECT n FROM theirs.report") == [(1,)]


def test_a_view_that_somebody_else_builds_on_follows_to_the_new_version(mart: Location) -> None:
    execute(mart, "CREATE SCHEMA theirs", "CREATE VIEW theirs.report AS SELECT n FROM mart.a")

    publish_views(mart, schema="mart", relations=make_version(mart, 2), previous=FIRST)

    assert values(mart, "SELECT n FROM theirs.report") == [(2,)]


def test_views_that_are_no_longer_wanted_go_and_others_stay(mart: Location) -> None:
    execute(mart, "CREATE VIEW mart.own AS SELECT 1 AS one")
    version = make_version(mart, 2)
    del version["b"]

    publish_views(mart, schema="mart", relations=version, previous=FIRST)

    assert published_views(mart, "mart") == {"a": ("v2", "a")}
    assert values(mart, "SELECT one FROM mart.own") == [(1,)]


def test_publishing_twice_is_harmless(mart: Location) -> None:
    version = make_version(mart, 2)

    for _attempt in range(2):
        publish_views(mart, schema="mart", relations=version, previous=FIRST)

    assert published_views(mart, "mart") == version


def test_going_back_is_a_publication_like_any_other(mart: Location) -> None:
    version = make_version(mart, 2, columns="{n} AS n, 'x' AS label, true AS fresh")
    publish_views(mart, schema="mart", relations=version, previous=FIRST)

    publish_views(mart, schema="mart", relations=FIRST, previous=version)

    assert published_views(mart, "mart") == FIRST
    assert values(mart, "SELECT * FROM mart.a") == [(1, "x")]


def test_a_deployment_that_was_overtaken_changes_nothing(mart: Location) -> None:
    second, third = make_version(mart, 2), make_version(mart, 3)
    publish_views(mart, schema="mart", relations=third, previous=FIRST)

    with pytest.raises(ReleaseMoved, match=r"mart\.a shows v3\.a"):
        publish_views(mart, schema="mart", relations=second, previous=FIRST)

    assert published_views(mart, "mart") == third


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("CREATE TABLE mart.c (n integer)", ReleaseBlocked),
        ("CREATE VIEW mart.c AS SELECT 1 AS n", ReleaseMoved),
        ("CREATE VIEW mart.c AS SELECT n FROM v1.a", ReleaseMoved),
    ],
)
def test_what_somebody_else_has_made_under_a_name_is_not_overwritten(
    mart: Location, statement: str, error: type[Exception]
) -> None:
    execute(mart, statement)
    before = values(mart, "SELECT * FROM mart.c")

    with pytest.raises(error, match=r"mart\.c"):
        publish_views(mart, schema="mart", relations={**FIRST, "c": ("v1", "b")}, previous=FIRST)

    assert values(mart, "SELECT * FROM mart.c") == before


def test_a_version_that_lacks_a_table_is_not_published(mart: Location) -> None:
    version = make_version(mart, 2)
    execute(mart, "DROP TABLE v2.b")

    with pytest.raises(ReleaseIncomplete, match=r"v2\.b"):
        publish_views(mart, schema="mart", relations=version, previous=FIRST)

    assert published_views(mart, "mart") == FIRST


def hold(location: Location, sql: str) -> Connection:
    """A reader in the middle of its transaction."""
    connection = connect(location, read_only=True)
    connection.execute(sql)
    return connection


def test_a_reader_who_does_not_let_go_is_not_interrupted(mart: Location) -> None:
    version = make_version(mart, 2)

    with closing(hold(mart, "SELECT * FROM mart.b")) as reader:
        with pytest.raises(ReleaseBusy) as caught:
            publish_views(mart, schema="mart", relations=version, previous=FIRST, patience=0.5)
        assert reader.execute("SELECT n FROM mart.a").fetchall() == [(1,)]

    assert caught.value.temporary
    assert published_views(mart, "mart") == FIRST


def test_many_views_on_a_slow_server_are_published_in_the_end(
    mart: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "_HOLD_SECONDS", 0.00001)
    version = make_version(mart, 2, columns="'x' AS label")

    publish_views(mart, schema="mart", relations=version, previous=FIRST)

    assert published_views(mart, "mart") == version


def test_a_reader_of_the_version_itself_does_not_hold_up_its_successor(mart: Location) -> None:
    version = make_version(mart, 2)

    with closing(hold(mart, "SELECT * FROM v1.a")) as reader:
        started = time.monotonic()
        publish_views(mart, schema="mart", relations=version, previous=FIRST)
        waited = time.monotonic() - started
        assert reader.execute("SELECT n FROM v1.b").fetchall() == [(1,)]

    assert waited < 5
    assert published_views(mart, "mart") == version


def test_the_live_version_cannot_be_dropped_and_an_old_one_can(mart: Location) -> None:
    publish_views(mart, schema="mart", relations=make_version(mart, 2), previous=FIRST)
    execute(mart, "CREATE SCHEMA v1_marts", "CREATE VIEW v1_marts.c AS SELECT n FROM v1.a")

    with pytest.raises(ReleaseInUse, match=r"mart\.a, mart\.b"):
        drop_schemas(mart, ["v2"])
    with pytest.raises(ReleaseInUse, match=r"v1_marts\.c"):
        drop_schemas(mart, ["v1"])
    for _twice in range(2):
        drop_schemas(mart, ["v1", "v1_marts"])

    left = values(mart, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'v%' ORDER BY 1")
    assert left == [("v2",)]
    assert values(mart, "SELECT n FROM mart.a") == [(2,)]


def test_two_may_ensure_one_schema(postgres: Location) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _n: ensure_schema(postgres, 'odd "name"'), range(8)))

    assert values(postgres, "SELECT count(*) FROM pg_namespace WHERE nspname = 'odd \"name\"'") == [(1,)]
