"""What a proposal may say, in dbt's own hands: one project with every text that was not refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from proposals.generate import file_edits
from proposals.kinds import KINDS
from semantic.fields import MetricFields, with_plain_lines
from semantic.known import Known
from semantic.rules.metric import typing_problems
from tests.hostile.texts import CANARY, JINJA, MARKER, TEXTS, harm
from tests.ready import Ready
from workspace.dbt.runner import Dbt, DbtProject
from workspace.warehouse.location import Location

pytestmark = pytest.mark.dbt

SAID = ("label", "meaning", "context", "owner")


def hostile_metrics() -> list[MetricFields]:
    """A metric for each text, which says it wherever it may."""
    found = []
    for number, text in enumerate(TEXTS.values()):
        plain = MetricFields(
            name=f"hostile_{number}", label=f"Hostile {number}", meaning="Safe.", owner="Maya", model="fct_orders",
            formula="SUM(net_amount)",
        )  # fmt: skip
        typed = with_plain_lines(text.strip())
        said = replace(
            plain, label=f"{typed} {number}".strip(), meaning=typed, context=typed, owner=typed, why=typed
        )
        refused = typing_problems(said)
        assert "group" not in refused
        found.append(replace(said, **{name: getattr(plain, name) for name in refused if name != "why"}))
    return found


def test_what_is_not_refused_reaches_dbt_as_it_was_typed(ready: Ready, tmp_path: Path) -> None:
    MARKER.unlink(missing_ok=True)
    metrics = hostile_metrics()
    known = Known(ready.vocabulary, lambda: pytest.fail("a metric needs no manifest"))
    tree = ready.origin(tmp_path / "git").clone

    def present(path: str) -> bytes | None:
        return (tree / path).read_bytes() if (tree / path).exists() else None

    code = [KINDS["metric"].compiled(one, known, dialect="duckdb", base=None) for one in metrics]
    for edit in file_edits(code, present):
        (tree / edit.path).parent.mkdir(parents=True, exist_ok=True)
        (tree / edit.path).write_bytes(edit.after)
    place = Location(adapter="duckdb", schema="analytics", path=str(tmp_path / "v" / "warehouse.duckdb"))
    env = {"CANARY": CANARY}  # as a project may be given one: what evaluates a text can read it
    target = Dbt(
        DbtProject(folder=tree, workdir=tmp_path / "run", target="prod", location=place, env=env)
    ).parse()

    text = (target / "manifest.json").read_text() + (target / "semantic_manifest.json").read_text()
    assert [found for found in harm(text) if not found.startswith("<")] == []
    read = {
        node["name"]: node for node in json.loads((target / "manifest.json").read_text())["metrics"].values()
    }
    wrong = []
    for one in metrics:
        node = read[one.name]
        bisync = node["config"]["meta"].get("bisync") or node["config"]["meta"]
        said = {
            "label": node["label"],
            "meaning": node["description"],
            "context": bisync.get("context", ""),
            "owner": bisync.get("owner", ""),
        }
        wrong += [
            (one.name, name, said[name], getattr(one, name))
            for name in SAID
            if said[name] != getattr(one, name)
        ]
    assert wrong == []
    assert sum(one.meaning != "Safe." for one in metrics) > 50


def test_no_text_with_a_template_in_it_is_accepted_anywhere() -> None:
    for text in JINJA.values():
        said = MetricFields(**dict.fromkeys(("label", "meaning", "context", "formula", "owner", "why"), text))

        assert typing_problems(said).keys() >= {"label", "meaning", "context", "formula", "owner", "why"}, (
            text
        )
