"""What the help says about formulas is true: every example is executed."""

from __future__ import annotations

import pytest

from semantic.formula import CODES, analyse, analyse_row
from semantic.formula.habits import INSTEAD
from semantic.formula.registry import FUNCTIONS, find_function
from semantic.handbook.functions import _TOGETHER, Entry, elsewhere, entries, look_up
from semantic.handbook.problems import EXAMPLES
from semantic.handbook.rules import RULES, Rule, rules
from semantic.handbook.shop import SHOP, START


def names(text: str) -> list[str]:
    return [entry.doc.name for category in look_up(text).categories for entry in category.entries]


def test_every_code_has_an_example_and_a_remedy() -> None:
    assert set(EXAMPLES) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_the_example_has_its_problem_at_a_place_and_what_is_offered_repairs_it(code: str) -> None:
    example = EXAMPLES[code]

    problem = example.problem(code)

    assert 0 <= problem.start <= problem.end <= len(example.formula)
    assert problem.start < problem.end or code in {"empty", "unexpected-end"}
    assert problem.message.endswith((".", "?"))
    assert problem.hint.endswith(".") or problem.fixes
    assert example.remedy.endswith(".")
    for fix in problem.fixes:
        repaired = analyse(fix.text, SHOP, model=example.model)
        assert code not in {left.code for left in repaired.problems}


def test_an_example_has_no_other_error_before_its_own() -> None:
    # That a field hides a metric is only said of a formula that is wrong anyway.
    for code, example in EXAMPLES.items():
        read = analyse_row if example.rows else analyse
        analysis = read(example.formula, SHOP, model=example.model)
        wrong = [problem.code for problem in analysis.problems if problem.level == "error"]
        expected = [code] if example.problem(code).level == "error" else []
        assert wrong == expected or code == "name-shadowed"


def test_an_example_that_only_goes_on_is_cut() -> None:
    assert len(EXAMPLES["too-long"].shown) == 60
    assert EXAMPLES["too-long"].shown.endswith("…")
    assert EXAMPLES["row-level"].shown == "amount * quantity"


def test_an_example_without_the_problem_is_told_apart() -> None:
    with pytest.raises(KeyError):
        EXAMPLES["empty"].problem("row-level")


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.doc.name)
def test_every_function_is_explained_by_an_example_in_words(entry: Entry) -> None:
    assert analyse(entry.doc.example, SHOP, model=START).problems == () or "TODAY" in entry.doc.example
    assert entry.reads_as.endswith(".")
    assert entry.doc.name not in entry.related


def test_every_function_of_the_registry_is_found_by_each_of_its_names() -> None:
    assert [entry.doc.name for entry in entries()] == [function.name for function in FUNCTIONS]
    for function in FUNCTIONS:
        for name in (function.name, *function.aliases, function.name.lower()):
            assert function.name in names(name)


def test_every_name_from_elsewhere_is_found_with_what_to_do() -> None:
    every = [name for one in elsewhere() for name in one.names]
    assert sorted(every) == sorted(INSTEAD)
    for one in elsewhere():
        assert all(one in look_up(name.lower()).elsewhere for name in one.names)
        assert one.instead.endswith(".")


def test_what_belongs_together_exists() -> None:
    assert all(find_function(name) for group in _TOGETHER for name in group)


def test_a_name_that_is_typed_whole_brings_no_others_that_happen_to_hold_it() -> None:
    assert names("avg") == ["AVERAGE", "AVERAGEIF"]
    assert "COUNT" in names("how many") or "LEN" in names("how many")
    assert names("blank value") != []


def test_a_search_without_a_result_says_what_was_probably_meant() -> None:
    assert look_up("SUMM").similar == "SUM"
    assert look_up("SUMM").count == 0
    assert look_up("zzzzz").similar == ""
    assert look_up("vlookup").similar == ""


def test_without_a_search_everything_is_there_by_category() -> None:
    found = look_up()

    assert found.count == len(FUNCTIONS) + len(elsewhere())
    assert len({category.name for category in found.categories}) == len(found.categories)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.slug)
def test_every_sample_of_a_rule_works(rule: Rule) -> None:
    assert rule.text.endswith(".")
    for sample in rule.samples:
        analysis = analyse(sample.formula, SHOP, model=START)
        assert analysis.ok, analysis.problems
        assert sample.reads_as.endswith(".")


def test_rules_are_searched_by_their_words_and_signs() -> None:
    assert [rule.slug for rule in rules("square brackets")] == ["names"]
    assert [rule.slug for rule in rules("BETWEEN")] == ["operators"]
    assert list(rules()) == list(RULES)
    assert rules("vlookup") == []
