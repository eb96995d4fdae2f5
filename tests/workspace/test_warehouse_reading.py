"""Reading from a warehouse: the same promises on DuckDB and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pytest

from workspace.warehouse.base import (
    NotAQuery,
    QueryTooSlow,
    RelationColumn,
    WarehouseError,
    WarehouseMissing,
    WarehouseRefused,
    WarehouseUnreachable,
)
from workspace.warehouse.gate import open_warehouse
from workspace.warehouse.location import Location
from workspace.warehouse.postgres import connect

TABLES = """
    CREATE SCHEMA v1;
    CREATE TABLE v1.orders (
        id integer, amount numeric(10, 2), country varchar, ordered_on date, seen_at timestamp, paid boolean
    );
    INSERT INTO v1.orders VALUES
        (1, 9.90, 'DE', '2026-01-31', '2026-01-31 10:00:00', true), (2, 5, NULL, NULL, NULL, false);
    CREATE VIEW v1.large AS SELECT id, amount * 2.5 AS twice FROM v1.orders;
    CREATE SCHEMA other;
    CREATE TABLE other.hidden (x integer);
"""
SLOW = {
    "duckdb": "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = -1",
    "postgres": "SELECT pg_sleep(30)",
}


def execute(location: Location, *statements: str) -> None:
    """Run what a reader may not."""
    if location.adapter == "duckdb":
        Path(location.path).parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(location.path) as connection:
            for statement in statements:
                connection.execute(statement)
        return
    connection_ = connect(location, read_only=False)
    with connection_:
        for statement in statements:
            connection_.execute(statement)


@pytest.fixture(params=["duckdb", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    where: Location = (
        Location(adapter="duckdb", schema="v1", path=str(tmp_path / "1" / "shop.duckdb"))
        if request.param == "duckdb"
        else request.getfixturevalue("postgres")
    )
    execute(where, TABLES)
    return where


# -- Both --------------------------------------------------------------------------------------------


def test_a_query_gives_values_of_python_and_types_of_ours(location: Location) -> None:
    with open_warehouse(location) as warehouse:
        result = warehouse.query("SELECT * FROM v1.orders ORDER BY id")

    assert [(column.name, column.type) for column in result.columns] == [
        ("id", "integer"),
        ("amount", "number"),
        ("country", "text"),
        ("ordered_on", "date"),
        ("seen_at", "timestamp"),
        ("paid", "boolean"),
    ]
    assert result.rows == (
        (1, Decimal("9.90"), "DE", date(2026, 1, 31), datetime(2026, 1, 31, 10), True),  # noqa: DTZ001
        (2, Decimal("5.00"), None, None, None, False),
    )
    assert not result.truncated
    assert 0 < result.seconds < 5


def test_lists_and_documents_are_of_any_type(location: Location) -> None:
    document = "json('{}')" if location.adapter == "duckdb" else "'{}'::jsonb"

    with open_warehouse(location) as warehouse:
        result = warehouse.query(
            f"SELECT ARRAY[1, 2] AS list, {document} AS document, INTERVAL '1 day' AS span"
        )

    assert [column.type for column in result.columns] == ["any", "any", "any"]


@pytest.mark.parametrize(("limit", "count", "truncated"), [(1, 1, True), (2, 2, False), (3, 2, False)])
def test_a_result_says_whether_the_limit_cut_it(
    location: Location, limit: int, count: int, truncated: bool
) -> None:
    with open_warehouse(location) as warehouse:
        result = warehouse.query("SELECT id FROM v1.orders", limit=limit)

    assert (len(result.rows), result.truncated) == (count, truncated)


def test_without_a_limit_the_setting_decides(location: Location, settings) -> None:  # type: ignore[no-untyped-def]
    settings.QUERY_ROW_LIMIT = 1

    with open_warehouse(location) as warehouse:
        assert warehouse.query("SELECT id FROM v1.orders").truncated


def test_a_slow_query_is_stopped_and_the_next_one_answers(location: Location) -> None:
    with open_warehouse(location) as warehouse:
        started = time.monotonic()
        with pytest.raises(QueryTooSlow) as caught:
            warehouse.query(SLOW[location.adapter], timeout=0.3)
        waited = time.monotonic() - started
        after = warehouse.query("SELECT 1 AS one")

    assert waited < 5
    assert caught.value.params == {"seconds": "0.3"}
    assert after.rows == ((1,),)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM v1.orders",
        "SELECT 1; DELETE FROM v1.orders",
        "WITH gone AS (DELETE FROM v1.orders RETURNING *) SELECT * FROM gone",
        "SELECT * INTO v1.copy FROM v1.orders",
        "CREATE TABLE v1.copy AS SELECT 1 AS x",
        "SELECT * FROM v1.orders FOR UPDATE",
        "SET statement_timeout = 0",
        "CALL something()",
        "SELECT * FROM query('DELETE FROM v1.orders')",
        "SELEC 1",
        "-- nothing",
        "",
    ],
)
def test_only_one_reading_query_is_run(location: Location, sql: str) -> None:
    with open_warehouse(location) as warehouse:
        with pytest.raises(NotAQuery):
            warehouse.query(sql)
        assert warehouse.query("SELECT count(*) FROM v1.orders").rows == ((2,),)


def test_what_a_warehouse_says_about_a_query_is_kept(location: Location) -> None:
    with open_warehouse(location) as warehouse:
        with pytest.raises(WarehouseError, match="missing_column"):
            warehouse.query("SELECT missing_column FROM v1.orders")
        assert warehouse.query("SELECT 1").rows == ((1,),)


def test_columns_of_tables_and_views_come_with_both_types(location: Location) -> None:
    with open_warehouse(location) as warehouse:
        found = warehouse.columns(["v1"])

    database = "shop" if location.adapter == "duckdb" else location.database
    numeric = "DECIMAL(10,2)" if location.adapter == "duckdb" else "numeric(10,2)"
    assert set(found) == {(database, "v1", "orders"), (database, "v1", "large")}
    assert found[database, "v1", "orders"][1] == RelationColumn("amount", numeric, "number")
    assert [column.name for column in found[database, "v1", "large"]] == ["id", "twice"]


def test_threads_may_share_a_reader(location: Location) -> None:
    with open_warehouse(location) as warehouse, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: warehouse.query(f"SELECT {n} AS n").rows[0][0], range(80)))

    assert answers == list(range(80))


def test_a_closed_reader_answers_nothing_more(location: Location) -> None:
    warehouse = open_warehouse(location)
    warehouse.close()
    warehouse.close()

    with pytest.raises(WarehouseError):
        warehouse.query("SELECT 1")


# -- DuckDB ------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Location:
    where = Location(adapter="duckdb", schema="v1", path=str(tmp_path / "1" / "shop.duckdb"))
    execute(where, TABLES)
    return where


def test_a_version_that_was_never_built_is_missing(tmp_path: Path) -> None:
    nowhere = Location(adapter="duckdb", schema="v1", path=str(tmp_path / "shop.duckdb"))

    with pytest.raises(WarehouseMissing, match="Build this environment"):
        open_warehouse(nowhere)

    assert not Path(nowhere.path).exists()


def test_a_file_of_another_kind_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "shop.duckdb").write_text("not a database" * 1000)

    with pytest.raises(WarehouseError, match="not a valid DuckDB database"):
        open_warehouse(Location(adapter="duckdb", schema="v1", path=str(tmp_path / "shop.duckdb")))


def test_duckdb_reads_no_files_of_this_machine(file: Location, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")

    with open_warehouse(file) as warehouse, pytest.raises(WarehouseRefused):
        warehouse.query(f"SELECT * FROM read_text('{tmp_path}/secret.txt')")


def test_a_reader_outlives_the_removal_of_its_version(file: Location) -> None:
    with open_warehouse(file) as warehouse:
        Path(file.path).unlink()
        assert warehouse.query("SELECT count(*) FROM v1.orders").rows == ((2,),)

    with pytest.raises(WarehouseMissing):
        open_warehouse(file)


def test_a_reader_keeps_answering_when_many_other_versions_are_opened(file: Location, tmp_path: Path) -> None:
    with open_warehouse(file) as warehouse:
        for number in range(20):
            other = replace(file, path=str(tmp_path / f"other-{number}" / "shop.duckdb"))
            execute(other, f"CREATE TABLE n AS SELECT {number} AS n")
            with open_warehouse(other) as reader:
                assert reader.query("SELECT n FROM n").rows == ((number,),)
        assert warehouse.query("SELECT count(*) FROM v1.orders").rows == ((2,),)


def test_a_file_that_is_being_written_asks_for_patience(file: Location) -> None:
    write = (
        f"import duckdb, sys; c = duckdb.connect({file.path!r}); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", write], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        with pytest.raises(WarehouseUnreachable) as caught:
            open_warehouse(file)

    assert caught.value.temporary


# -- PostgreSQL --------------------------------------------------------------------------------------


def test_a_server_that_does_not_answer_is_unreachable(postgres: Location) -> None:
    with pytest.raises(WarehouseUnreachable, match="Connection refused") as caught:
        open_warehouse(replace(postgres, port=1))

    assert caught.value.temporary


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong"}, "password authentication failed"),
        ({"user": "nobody"}, "authentication failed"),
        ({"database": "nowhere"}, '"nowhere" does not exist'),
    ],
)
def test_wrong_credentials_are_refused_without_being_shown(
    postgres: Location, change: dict[str, str], words: str
) -> None:
    with pytest.raises(WarehouseRefused, match=words) as caught:
        open_warehouse(replace(postgres, **change))  # type: ignore[arg-type]

    assert postgres.password not in str(caught.value)


def test_a_role_without_the_right_is_refused(postgres: Location) -> None:
    execute(
        postgres,
        TABLES,
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN PASSWORD 'reader'",
        "GRANT USAGE ON SCHEMA v1 TO reader",
    )

    with (
        open_warehouse(replace(postgres, user="reader", password="reader")) as warehouse,
        pytest.raises(WarehouseRefused, match="permission denied for table orders"),
    ):
        warehouse.query("SELECT * FROM v1.orders")


def test_functions_that_write_are_refused_by_the_transaction(postgres: Location) -> None:
    execute(postgres, "CREATE SEQUENCE numbers")

    with open_warehouse(postgres) as warehouse, pytest.raises(WarehouseError, match="read-only transaction"):
        warehouse.query("SELECT nextval('numbers')")


def test_a_query_leaves_no_setting_behind(postgres: Location) -> None:
    with open_warehouse(postgres) as warehouse:
        warehouse.query("SELECT set_config('search_path', 'elsewhere', false)")
        after = warehouse.query("SELECT current_setting('search_path')")

    assert after.rows == (('"$user", public',),)


def test_a_large_result_is_fetched_only_as_far_as_the_limit(postgres: Location) -> None:
    with open_warehouse(postgres) as warehouse:
        result = warehouse.query("SELECT n FROM generate_series(1, 3000000) AS t (n)", limit=10, timeout=30)

    assert (len(result.rows), result.truncated) == (10, True)


def test_a_connection_is_used_again_and_replaced_when_the_server_dropped_it(postgres: Location) -> None:
    backend = "SELECT pg_backend_pid()"
    with open_warehouse(postgres) as warehouse:
        first = warehouse.query(backend).rows[0][0]
    with open_warehouse(postgres) as warehouse:
        again = warehouse.query(backend).rows[0][0]
    execute(postgres, f"SELECT pg_terminate_backend({first})")
    with open_warehouse(postgres) as warehouse:
        replaced = warehouse.query(backend).rows[0][0]

    assert again == first
    assert replaced != first


def test_no_more_connections_are_kept_than_a_few(postgres: Location) -> None:
    readers = [open_warehouse(postgres) for _ in range(7)]
    for reader in readers:
        reader.close()

    with psycopg.connect(
        host=postgres.host,
        port=postgres.port,
        dbname=postgres.database,
        user=postgres.user,
        password=postgres.password,
    ) as connection:
        deadline = time.monotonic() + 5
        kept = 7
        while kept > 4 and time.monotonic() < deadline:
            counted = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bisync' AND datname = %s",
                [postgres.database],
            ).fetchone()
            connection.rollback()
            kept = counted[0] if counted else 0

    assert kept == 4
