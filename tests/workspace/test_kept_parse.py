"""What dbt makes of a commit is the same whether it begins from what it has kept or from nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog.ingest import read
from tests.ready import PROJECT_FILES
from tests.workspace.projects import TINY, Recorded, duckdb_at, write
from workspace import commands
from workspace.dbt.errors import DbtSyntaxError
from workspace.dbt.runner import Dbt, DbtProject

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

METRICS = PROJECT_FILES["models/metrics.yml"]
VERSIONED = """
version: 2
models:
  - name: dim_regions
    description: "{{ doc('regions') }}"
    latest_version: 2
    access: public
    columns: [{name: country, description: Its code.}, {name: region}]
    versions: [{v: 1, deprecation_date: 2030-01-01}, {v: 2, columns: [{include: all, exclude: [region]}]}]
"""
# Each on top of the ones before it; None takes a file away.
COMMITS: list[dict[str, str | None]] = [
    {
        "models/dim_regions_v1.sql": "select country, 'EU' as region from {{ ref('dim_customers') }}\n",
        "models/dim_regions_v2.sql": "select country from {{ ref('dim_customers') }}\n",
        "models/regions.yml": VERSIONED,
        "models/regions.md": "{% docs regions %}Countries.{% enddocs %}\n",
        "models/uses.sql": "select * from {{ ref('dim_regions', v=1) }}\n",
        "macros/net.sql": "{% macro net(column) %}{{ column }} - 1{% endmacro %}\n",
        "models/net.sql": "select {{ net('net_amount') }} as net from {{ ref('fct_orders') }}\n",
    },
    {
        "models/regions.md": "{% docs regions %}Countries and regions.{% enddocs %}\n",
        "models/uses.sql": "select country from {{ ref('dim_regions') }}\n",
        "macros/net.sql": "{% macro net(column) %}{{ column }} - 2{% endmacro %}\n",
        "models/metrics.yml": METRICS.replace("All net revenue.", "Net revenue of all orders."),
    },
    {
        "models/regions.yml": VERSIONED.replace("latest_version: 2", "latest_version: 1").replace(
            "Its code.", "Its two letters."
        ),
        "models/net.sql": None,
        "models/net_of_all.sql": "select {{ net('net_amount') }} as net from {{ ref('fct_orders') }}\n",
        "models/schema.yml": PROJECT_FILES["models/schema.yml"].replace("[unique, not_null]", "[unique]"),
    },
]


def test_what_is_kept_changes_nothing_of_what_dbt_says(tmp_path: Path) -> None:
    kept, recorded, files = tmp_path / "kept", Recorded(), dict[str, str | None](PROJECT_FILES)
    for number, commit in enumerate([{}, *COMMITS]):
        files |= commit
        home = tmp_path / str(number)
        with commands.recorded_by(recorded):
            again = parsed(home / "again", files, kept)

        assert again == parsed(home / "anew", files)
    begun = [argv[-1] for name, argv in recorded.commands if name == "dbt parse"]
    assert begun == ["--no-partial-parse", *["--partial-parse"] * len(COMMITS)]
    assert not [line for line in recorded.lines if "Unable to do partial parsing" in line]


def test_what_dbt_cannot_go_on_from_is_read_anew(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"of another age")
    files = dict[str, str | None](TINY)
    assert parsed(tmp_path / "old", files, kept) == parsed(tmp_path / "anew", files)

    broken = {**files, "models/two.sql": "select id from {{ ref('nobody') }}\n"}
    before = kept.read_bytes()
    with pytest.raises(DbtSyntaxError, match="nobody"):
        parsed(tmp_path / "broken", broken, kept)

    assert kept.read_bytes() == before
    mended = {**files, "models/two.sql": "select id, 1 as one from {{ ref('one') }}\n"}
    assert parsed(tmp_path / "on", mended, kept) == parsed(tmp_path / "mended", mended)


def parsed(home: Path, files: Mapping[str, str | None], kept: Path | None = None) -> dict[str, Any]:
    """All that Bisync reads of what dbt makes of these files, in a place of its own."""
    folder = write(home / "checkout", {path: text for path, text in files.items() if text is not None})
    place = replace(duckdb_at(home), path="warehouse.duckdb")
    target = Dbt(DbtProject(folder, home / "run", target="prod", location=place, kept=kept)).parse()
    found = read((target / "manifest.json").read_bytes())
    semantic = json.loads((target / "semantic_manifest.json").read_bytes())
    # What changed comes last in dbt's lists, which are of names.
    for name in ("semantic_models", "metrics", "saved_queries"):
        semantic[name].sort(key=lambda one: one["name"])
    return {
        **{key: entry.fingerprint for key, entry in {**found.nodes, **found.tests}.items()},
        "edges": found.edges,
        "groups": list(found.groups),
        "semantic": semantic,
    }
