from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.postgres import Cluster, PostgresMissing
from workspace.warehouse.location import Location
from workspace.warehouse.postgres import close_idle

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Cluster]:
    try:
        cluster = Cluster()
    except PostgresMissing as exc:
        pytest.fail(str(exc), pytrace=False)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def postgres(postgres_server: Cluster) -> Iterator[Location]:
    """An empty database of the test's own."""
    database = f"warehouse_{next(_numbers)}"
    postgres_server.create_database(database)
    yield Location(
        adapter="postgres",
        schema="v1",
        host=postgres_server.host,
        port=postgres_server.port,
        database=database,
        user=postgres_server.user,
        password=postgres_server.password,
    )
    close_idle()
