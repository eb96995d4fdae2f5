"""What dbt says of its work: run_results.json, sources.json and catalog.json, as far as people need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from workspace.dbt.errors import ArtifactUnreadable
from workspace.dbt.manifest import decoded

T = TypeVar("T", bound="Artifact")


class Metadata(msgspec.Struct):
    dbt_schema_version: str = ""
    generated_at: str = ""


class Artifact(msgspec.Struct):
    metadata: Metadata

    @property
    def at(self) -> datetime:
        """When dbt wrote it."""
        return moment(self.metadata.generated_at) or datetime.now(UTC)


class Timing(msgspec.Struct):
    completed_at: str | None = None


class RunResult(msgspec.Struct):
    unique_id: str
    status: str
    message: str | None = None
    failures: int | None = None
    timing: list[Timing] = []

    @property
    def at(self) -> datetime | None:
        """When the work on it ended."""
        return max(filter(None, (moment(one.completed_at) for one in self.timing)), default=None)


class RunResults(Artifact):
    results: list[RunResult]


class Freshness(msgspec.Struct):
    unique_id: str
    status: str
    max_loaded_at: str | None = None
    snapshotted_at: str | None = None
    max_loaded_at_time_ago_in_s: float | None = None
    error: str | None = None


class SourceFreshness(Artifact):
    results: list[Freshness]


class CatalogColumn(msgspec.Struct):
    name: str
    type: str = ""
    index: int = 0


class CatalogTable(msgspec.Struct):
    columns: dict[str, CatalogColumn] = {}


class Catalog(Artifact):
    nodes: dict[str, CatalogTable] = {}
    sources: dict[str, CatalogTable] = {}

    def tables(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Each node or source with its columns, in order, and their types as the warehouse names them."""
        for key, table in (*self.nodes.items(), *self.sources.items()):
            columns = sorted(table.columns.values(), key=lambda column: column.index)
            yield key, {column.name: column.type for column in columns}


def moment(text: str | None) -> datetime | None:
    """A time as dbt writes it, in UTC; None where it is none."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read_run_results(raw: bytes) -> RunResults:
    """How the work on each node ended. Raises `ArtifactUnreadable`."""
    return _read(raw, RunResults, "run-results")


def read_sources(raw: bytes) -> SourceFreshness:
    """How fresh each source was. Raises `ArtifactUnreadable`."""
    return _read(raw, SourceFreshness, "sources")


def read_catalog(raw: bytes) -> Catalog:
    """The columns that the warehouse had. Raises `ArtifactUnreadable`."""
    return _read(raw, Catalog, "catalog")


def _read(raw: bytes, kind: type[T], name: str) -> T:
    try:
        found = msgspec.convert(decoded(raw), type=kind)
    except (ValueError, RecursionError) as exc:
        raise ArtifactUnreadable(words=str(exc)) from None
    if not re.search(rf"/{name}/v\d+", found.metadata.dbt_schema_version):
        said = found.metadata.dbt_schema_version or "missing"
        raise ArtifactUnreadable(words=f"it is no {name} artifact: its dbt_schema_version is {said[:100]}")
    return found
