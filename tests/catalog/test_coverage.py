"""What versions of dbt write, read by the catalogue: every field has a place or a reason."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from catalog.coverage import PLACES, SECTIONS, TEST_PLACES
from catalog.reading import TESTS, Manifest, node_record, test_record
from workspace.dbt.manifest import split

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "dbt"
VERSIONS = sorted(file.name.split("-", 1)[1].removesuffix(".json.gz") for file in FIXTURES.glob("*.gz"))


@cache
def raw(version: str) -> bytes:
    return gzip.decompress((FIXTURES / f"manifest-{version}.json.gz").read_bytes())


@cache
def manifest(version: str) -> Manifest:
    return Manifest(split(raw(version)))


def fields(version: str) -> dict[str, set[str]]:
    """Kind → the fields that any entry of it has."""
    data: dict[str, Any] = json.loads(raw(version))
    found: dict[str, set[str]] = {"the whole": set(data)}
    for section in data.keys() & SECTIONS.keys() - {"metadata", "selectors", "disabled"}:
        entries = data[section].values() if not section.endswith("_map") else ()
        for entry in entries:
            found.setdefault(entry["resource_type"], set()).update(entry)
    return found


def test_there_is_a_manifest_of_every_supported_version_in_both_spellings() -> None:
    assert VERSIONS == ["1.10", "1.11", "1.12", "1.12-in-model", "1.8", "1.9"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_goes_somewhere_or_is_left_for_a_reason(version: str) -> None:
    places = {"the whole": SECTIONS, **PLACES, **dict.fromkeys(TESTS, TEST_PLACES)}
    known = {kind: set(places[kind]) for kind in fields(version) if kind in places}

    missing = {kind: names - known.get(kind, set()) for kind, names in fields(version).items()}

    missing.pop("group", None)  # of which the name, the owner and the description are read
    assert {kind: names for kind, names in missing.items() if names} == {}


def test_no_place_is_told_of_a_field_that_no_dbt_writes() -> None:
    written: dict[str, set[str]] = {}
    for version in VERSIONS:
        for kind, names in fields(version).items():
            written.setdefault("test" if kind in TESTS else kind, set()).update(names)
    told = {"the whole": SECTIONS, **PLACES, "test": TEST_PLACES}

    assert [(kind, name) for kind in told for name in told[kind].keys() - written.get(kind, set())] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_of_the_project_is_read(version: str) -> None:
    found = manifest(version)
    nodes = {key: node_record(entry) for key, entry in found.nodes.items()}
    tests = [test_record(entry) for entry in found.tests.values()]

    counts = found.counts()
    assert found.dbt_version.startswith(version.partition("-")[0])
    assert len(nodes) + len(tests) == sum(counts.values()) - counts["group"]
    if version.endswith("in-model"):
        assert (counts["metric"], counts["semantic_model"]) == (5, 1)
        return
    absent = set() if version in {"1.11", "1.12"} else {"function"}
    assert {kind for kind in PLACES if counts.get(kind)} == set(PLACES) - absent
    assert {test.kind for test in tests} >= {"unique", "not_null", "relationships", "unit_test", "singular"}
    old = nodes["model.outdoor.prices.v1"]
    assert (str(old.fields["version"]), old.fields["latest_version"]) == ("1", 2)
    assert old.columns[0].fields["constraints"][0]["type"] == "not_null"
    assert old.uses == ("doc.outdoor.sales_channel",) or version in {"1.8", "1.9"}  # which do not say so
    receipts = nodes["source.outdoor.shop.receipts"]
    assert receipts.fields["freshness"]["warn_after"] == {"count": 12, "period": "hour"}
    assert nodes["saved_query.outdoor.monthly_revenue"].fields["exports"][0]["name"]
