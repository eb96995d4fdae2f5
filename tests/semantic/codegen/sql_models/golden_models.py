"""What is written into each of the styled projects, kept in files that people have read.

Write them anew with `python -m tests.semantic.codegen.sql_models.golden_models`, and read what git says has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from semantic.codegen.changes import FileChange
from semantic.codegen.sql_models.new_model import WrittenModels
from semantic.codegen.sql_models.rule_models import BusinessRule, rule_models
from semantic.rules.examples import Example, boundary_examples
from semantic.rules.tables import Decision, Row, Table, read_table
from tests.semantic.codegen.sql_models.projects import PROJECTS, Styled

PLAIN_RULE = Table(
    ("orders_90d", "tier", "lifetime_value"),
    (
        Row(("0, blank", "-", "-"), "lost"),
        Row(("< 2", "not(gold)", "-"), "it's at risk"),
        Row(("-", "-", ">= 1000.5"), "big"),
    ),
    "healthy",
)
CALCULATED_RULE = Table(
    ("DATEDIFF(last_order_on, TODAY())", "lifetime_value * 2", "is_vip"),
    (Row(("> 60", "< 100", "-"), "1"), Row(("blank", "-", "no, blank"), "2")),
    output="number",
)


def decision_of(table: Table, styled: Styled) -> Decision:
    reading = read_table(table, styled.vocabulary, styled.model)
    assert reading.decision, reading.problems
    return reading.decision


def rule_of(
    name: str,
    table: Table,
    styled: Styled,
    examples: Sequence[Example] | None = None,
    names: Sequence[str] = (),
) -> BusinessRule:
    decision = decision_of(table, styled)
    return BusinessRule(
        name,
        styled.model,
        decision,
        description="Which customers to look after.",
        column_description="What the rule says.",
        examples=tuple(boundary_examples(decision).examples if examples is None else examples),
        input_names=tuple(names),
    )


def rules_of(styled: Styled) -> list[WrittenModels]:
    names = ("days_since_last_order", "twice_the_value", "is_vip")
    rules = [
        rule_of("customer_health", PLAIN_RULE, styled),
        rule_of("win_back", CALCULATED_RULE, styled, names=names),
    ]
    return [rule_models(rule, styled.vocabulary, styled.project) for rule in rules]


def after(changes: Sequence[FileChange], styled: Styled) -> dict[str, bytes]:
    """What the changed files hold afterwards."""
    texts = {path: text.encode() for path, text in styled.files.items()}
    changed: dict[str, bytes] = {}
    for change in changes:
        changed[change.path] = texts[change.path] = change.apply(texts.get(change.path))
    return changed


def golden(style: str) -> str:
    styled = PROJECTS[style]
    changes = [change for written in rules_of(styled) for change in written.changes]
    return "\n".join(f"=== {path}\n{text.decode()}" for path, text in after(changes, styled).items())


def file_of(style: str) -> Path:
    return Path(__file__).with_name("golden") / f"{style}.txt"


if __name__ == "__main__":
    for name in PROJECTS:
        file_of(name).parent.mkdir(exist_ok=True)
        file_of(name).write_text(golden(name), encoding="utf-8")
