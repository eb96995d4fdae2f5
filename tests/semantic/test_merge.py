"""Merging three states: nothing is lost, nothing depends on who comes first, nothing happens twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from semantic.merge import Clash, merge

NAMES = ("label", "meaning", "formula", "owner")
STATES = st.fixed_dictionaries({name: st.sampled_from(["", "a", "A", "b", "c"]) for name in NAMES})


def alike(_name: str, one: str, other: str) -> bool:
    return one.lower() == other.lower()


@given(STATES, STATES, STATES)
def test_it_does_not_matter_which_side_is_called_ours(base, one, other):
    here, there = merge(base, one, other), merge(base, other, one)
    assert here.clashes.keys() == there.clashes.keys()
    assert {n: (c.ours, c.theirs) for n, c in here.clashes.items()} == {
        n: (c.theirs, c.ours) for n, c in there.clashes.items()
    }
    clean = set(NAMES) - here.clashes.keys()
    assert {n: here.values[n] for n in clean} == {n: there.values[n] for n in clean}


@given(STATES, STATES, STATES)
def test_what_somebody_changed_is_there_or_is_asked_about(base, ours, theirs):
    done = merge(base, ours, theirs)
    for name in NAMES:
        asked = name in done.clashes
        if ours[name] != base[name]:
            assert done.values[name] == ours[name]
        if theirs[name] != base[name]:
            assert asked or done.values[name] == theirs[name]
        if asked:
            assert done.clashes[name] == Clash(base[name], ours[name], theirs[name])
            assert len({base[name], ours[name], theirs[name]}) == 3
        if ours[name] == base[name] == theirs[name]:
            assert done.values[name] == base[name]


@given(STATES, STATES, STATES)
def test_merging_once_more_does_nothing(base, ours, theirs):
    first = merge(base, ours, theirs)
    again = merge(first.base, first.values, theirs)
    assert (again.values, again.base) == (first.values, first.base)
    assert again.clashes == first.clashes
    assert not again.taken
    assert not again.agreed


@given(STATES, STATES)
def test_a_side_that_changed_nothing_takes_everything(base, theirs):
    done = merge(base, base, theirs)
    assert done.values == done.base == theirs
    assert not done.clashes
    assert merge(base, theirs, base).values == theirs


@given(STATES, STATES, STATES)
def test_spellings_of_the_same_are_no_clash_and_dbt_keeps_its_own(base, ours, theirs):
    done = merge(base, ours, theirs, same=alike)
    for name in NAMES:
        if name in done.clashes:
            assert not alike(name, ours[name], theirs[name])
        if name in done.agreed:
            assert done.values[name] == theirs[name]
            assert alike(name, ours[name], theirs[name])
    again = merge(done.base, done.values, theirs, same=alike)
    assert again.values == done.values
    assert again.clashes == done.clashes
