"""The tiny shop, built once by dbt, and what dbt and MetricFlow know of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.definitions import Vocabulary
from semantic.formula import Analysis, analyse
from semantic.importer import primary_keys, relations, vocabulary
from tests.postgres import Cluster
from tests.semantic.shop import Shop, tables

if TYPE_CHECKING:
    from semantic.query.engine import Engine


@dataclass(frozen=True)
class Known:
    """A built shop and everything read from its artefacts."""

    shop: Shop

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return vocabulary(self.shop.manifest, self.shop.semantic_manifest, self.shop.columns())

    @cached_property
    def relations(self) -> dict[str, str]:
        return relations(self.shop.manifest)

    @cached_property
    def keys(self) -> dict[str, str]:
        return primary_keys(self.shop.manifest)

    @cached_property
    def engine(self) -> Engine:
        from semantic.query.engine import engine_for  # MetricFlow takes a second to import

        return engine_for(self.shop.semantic_manifest, "duckdb")

    def analysed(self, formula: str, model: str = "") -> Analysis:
        found = analyse(formula, self.vocabulary, model=model)
        assert found.ok, found.problems
        return found

    def compiled(self, draft: MetricDraft) -> Compiled:
        return compile_metric(draft, self.vocabulary, dialect="duckdb", keys=self.keys)


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """The shop as its analysts left it."""
    shop = Shop.create(tmp_path_factory.mktemp("shop") / "project")
    outcomes = shop.build()
    assert set(outcomes.values()) == {"success", "pass"}
    return Known(shop)


@pytest.fixture(scope="session")
def copied(known: Known, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A copy of the shop that a test may change."""
    folder = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(known.shop.folder, folder)
    return Shop(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[psycopg.Connection[Any]]:
    """The shop's tables in a PostgreSQL server of the tests' own."""
    cluster = Cluster()
    cluster.start()
    try:
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            for statement in tables():
                connection.execute(statement.encode())
            connection.execute(
                "CREATE TABLE days AS SELECT CAST(day AS DATE) AS date_day FROM generate_series("
                "DATE '2025-12-01', DATE '2026-06-30', INTERVAL '1 day') AS days(day)"
            )
            yield connection
    finally:
        cluster.stop()
