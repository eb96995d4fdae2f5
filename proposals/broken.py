"""What is told where the build of a proposal fails because the data break the rules that it brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from catalog.quality.rules import reader, rule_of
from catalog.reading import Entry, TestRecord, test_record
from proposals.models import Item
from semantic.codegen.promised import told_test
from semantic.codegen.value_tests import test_names
from semantic.fields import ValueRule
from semantic.known import Known
from semantic.promised import PromiseFields

# dbt counts the values that break these, or nothing but that the whole is not as promised.
_VALUES = frozenset({"unique", "unique_together", "accepted_values"})
_WHOLE = frozenset({"freshness", "row_count_between", "not_empty"})


def broken_promises(
    items: Sequence[Item], failed: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any], known: Known
) -> str:
    """In plain words, where nothing failed but the tests of the items' own rules; else "".

    `failed` are dbt's results, `manifest` is what dbt read with the change in it, `known` what was before.
    """
    metrics, tests = _of_metrics(items), _of_tests(items, manifest, known)
    ordered = sorted(failed, key=lambda node: str(node["name"]))
    if not all(node["status"] == "fail" and _is_own(node, metrics, tests) for node in failed):
        return ""
    values = [node for node in ordered if node["name"] in metrics]
    rows = [node for node in ordered if node["name"] not in metrics]
    return " ".join([*_about_metrics(values, metrics), *_about_rows(rows, tests, known)])


def _is_own(node: Mapping[str, Any], metrics: Mapping[str, Any], tests: Mapping[str, Any]) -> bool:
    return node["name"] in metrics or node.get("unique_id") in tests


def _of_metrics(items: Sequence[Item]) -> dict[str, tuple[str, ValueRule]]:
    metrics = [item.revision.metric for item in items if item.revision.kind == "metric"]
    return {
        name: (fields.label, rule)
        for fields in metrics
        for name, rule in zip(test_names(fields.name, fields.rules), fields.rules, strict=True)
    }


def _of_tests(items: Sequence[Item], manifest: Mapping[str, Any], known: Known) -> dict[str, TestRecord]:
    """The tests of the items' tables that are new, or changed under their own name."""
    rules = [one for item in items if isinstance(one := item.revision.content, PromiseFields)]
    tables, changed = {one.table for one in rules}, {one.name for one in rules}
    found = {}
    for unique_id, node in manifest["nodes"].items() if rules else ():
        if node.get("resource_type") != "test":
            continue
        record = test_record(Entry("test", msgspec.Raw(msgspec.json.encode(node))))
        is_new = record.unique_id not in known.manifest.tests
        if record.node in tables and (is_new or record.unique_id in changed):
            found[unique_id] = record
    return found


def _about_metrics(
    failed: Sequence[Mapping[str, Any]], rules: Mapping[str, tuple[str, ValueRule]]
) -> Iterator[str]:
    for node in failed:
        label, rule = rules[node["name"]]
        count, period = node["failures"] or 0, rule.period
        when = "" if rule.kind == "freshness" else f" in {count} {period}{'s' if count != 1 else ''}"
        yield f"{label} is not “{rule}”{when}."
    if failed:
        yield "Change the formula or the rule."
    if any(rules[node["name"]][1].kind == "not_null" for node in failed):
        yield "COALESCE gives a value where there is none."


def _about_rows(
    failed: Sequence[Mapping[str, Any]], tests: Mapping[str, TestRecord], known: Known
) -> Iterator[str]:
    for node in failed:
        record = tests[node["unique_id"]]
        table = record.node.rpartition(".")[2]
        rule = rule_of(told_test(record, table), reads=reader(known.manifest.adapter))
        count = node["failures"] or 0
        what = "value" if rule.kind in _VALUES else "row"
        many = f"{count:,} {what}s of {table} break" if count != 1 else f"1 {what} of {table} breaks"
        yield f"{f'{table} breaks' if rule.kind in _WHOLE else many} “{rule.sentence}”."
    if failed:
        yield "Change the rule, or mend the data first."
