"""A project's lineage: traced once, drawn in part, and laid out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.lineage.graph import ColumnFlow, Graph, around, column_flow
from catalog.lineage.layout import layered
from catalog.lineage.making import Macros, makings
from catalog.lineage.origins import How
from catalog.lineage.project import NodeTrace, Piece, as_json, from_json, trace_project

RAW = Piece("source.raw", "raw", columns=("id", "cents", "deleted"), complete=True)
STG = Piece(
    "model.stg",
    "stg",
    code='select id, cents / 100 as amount from "db"."s"."raw" where not deleted',
    names={'"db"."s"."raw"': "source.raw"},
    parents=("source.raw",),
)
EPHEMERAL = Piece(
    "model.eph",
    "eph",
    code='select *, amount * 2 as twice from "db"."s"."stg"',
    names={'"db"."s"."stg"': "model.stg"},
    parents=("model.stg",),
    ephemeral=True,
)
MART = Piece(
    "model.mart",
    "mart",
    code=(
        'with __dbt__cte__eph as (select *, amount * 2 as twice from "db"."s"."stg")'
        " select id, sum(twice) as total from __dbt__cte__eph group by id"
    ),
    names={'"db"."s"."mart"': "model.mart"},
    parents=("model.eph",),
)


def pieces(*more: Piece) -> dict[str, Piece]:
    return {piece.key: piece for piece in (MART, EPHEMERAL, STG, RAW, *more)}


def traced(found: Mapping[str, Piece], known: Mapping[str, NodeTrace] | None = None) -> dict[str, NodeTrace]:
    return dict(trace_project(found, "duckdb", known or {}))


def test_columns_are_followed_from_model_to_model_and_through_ephemeral_ones() -> None:
    found = traced(pieces())
    assert list(found) == ["model.stg", "model.eph", "model.mart"]
    mart = {one.name: one.parents for one in found["model.mart"].columns}
    assert mart == {
        "id": (("model.eph", "id", How.SAME),),
        "total": (("model.eph", "twice", How.AGGREGATED),),
    }
    assert found["model.stg"].rows == (("source.raw", "deleted"),)
    assert [one.name for one in found["model.eph"].columns] == ["id", "amount", "twice"]


def test_only_what_changed_and_what_sees_other_columns_is_traced_again() -> None:
    first = traced(pieces())
    # The same relations elsewhere are no change.
    elsewhere = replace(
        STG, code=STG.code.replace('"s"', '"s__v2"'), names={'"db"."s__v2"."raw"': "source.raw"}
    )
    assert traced(pieces(elsewhere), first) == first
    assert all(trace is first[key] for key, trace in traced(pieces(elsewhere), first).items())
    # Another expression changes the model, but not what its readers can see.
    inside = replace(STG, code=STG.code.replace("100", "1000"))
    again = traced(pieces(inside), first)
    assert again["model.stg"] is not first["model.stg"]
    assert again["model.mart"] is first["model.mart"]
    # A further column goes as far as stars carry it.
    wider = replace(STG, code=STG.code.replace("select id", "select id, deleted"))
    third = traced(pieces(wider), first)
    assert [one.name for one in third["model.eph"].columns] == ["id", "deleted", "amount", "twice"]
    assert third["model.mart"].columns == first["model.mart"].columns


def test_what_cannot_be_read_is_told_and_stops_nobody_else() -> None:
    broken = replace(STG, code="select from where")
    found = traced(pieces(broken))
    assert (found["model.stg"].problem, found["model.stg"].columns) == ("unreadable", ())
    assert found["model.stg"].words
    # Its reader names the columns, so they are known to be its.
    twice = {one.name: one.parents for one in found["model.eph"].columns}["twice"]
    assert twice == (("model.stg", "amount", How.COMPUTED),)
    assert found["model.eph"].through == ("model.stg",)


def test_a_model_without_sql_has_the_columns_that_are_declared() -> None:
    python = Piece("model.py", "py", columns=("a", "b"), problem="python")
    reader = Piece(
        "model.r", "r", code="select * from db.s.py", names={"db.s.py": "model.py"}, parents=("model.py",)
    )
    found = traced(pieces(python, reader))
    assert found["model.py"].problem == "python"
    assert [one.name for one in found["model.r"].columns] == ["a", "b"]
    assert found["model.r"].through == ("model.py",)  # for there may be more


def test_snapshots_have_the_columns_that_dbt_adds_and_models_do_not_come_from_themselves() -> None:
    snapshot = replace(STG, key="snapshot.s", name="s", snapshot=True)
    itself = replace(
        STG,
        key="model.inc",
        name="inc",
        code=f'{STG.code} and id > (select max(id) from "db"."s"."inc")',
        names={**STG.names, '"db"."s"."inc"': "model.inc"},
    )
    found = traced(pieces(snapshot, itself))
    assert "dbt_valid_from" in [one.name for one in found["snapshot.s"].columns]
    assert found["model.inc"].rows == (("source.raw", "deleted"), ("source.raw", "id"))


def test_models_in_a_circle_are_no_trouble() -> None:
    a = Piece("model.a", "a", code="select x from db.b", names={"db.b": "model.b"}, parents=("model.b",))
    b = Piece("model.b", "b", code="select x from db.a", names={"db.a": "model.a"}, parents=("model.a",))
    assert {one.name for one in traced(pieces(a, b))["model.a"].columns} == {"x"}


def test_a_trace_is_kept_as_json() -> None:
    for trace in traced(pieces(replace(STG, code="nonsense from"))).values():
        assert from_json(trace.key, as_json(trace), trace.problem, trace.words) == trace


# -- What SQL is made from ------------------------------------------------------------------------------


def test_sql_is_made_again_where_a_macro_that_it_reaches_changed() -> None:
    texts = {
        "macro.p.a": ("{{ b() }}", ["macro.p.b"]),
        "macro.p.b": ("one", []),
        "macro.p.c": ("{% set x = run_query('select 1') %}", []),
        "macro.dbt.is_incremental": ("{{ adapter.get_relation(this) }}", []),
    }
    codes = {
        "model.m": ("select {{ a() }}", ["macro.p.a"]),
        "model.n": ("select {{ c() }}", ["macro.p.c"]),
        "model.i": ("{% if is_incremental() %}", ["macro.dbt.is_incremental"]),
    }
    before = makings(codes, Macros(texts, own={"dbt"}), "")
    assert [key for key, making in before.items() if making.asks_warehouse] == ["model.n"]
    after = makings(codes, Macros({**texts, "macro.p.b": ("two", [])}, own={"dbt"}), "")
    assert [key for key in codes if after[key] != before[key]] == ["model.m"]
    assert all(makings(codes, Macros(texts, own={"dbt"}), "x")[key] != before[key] for key in codes)


# -- What is drawn --------------------------------------------------------------------------------------

GRAPH = Graph.of(
    [("a", "c"), ("b", "c"), ("c", "d"), ("c", "e"), ("d", "f"), ("e", "f"), ("b", "g"), ("f", "h")]
)


def test_a_node_is_drawn_with_its_neighbours_and_how_many_more_there_are() -> None:
    drawn = around(GRAPH, "c", up=1, down=1)
    assert set(drawn.nodes) == {"a", "b", "c", "d", "e"}
    assert set(drawn.edges) == {("a", "c"), ("b", "c"), ("c", "d"), ("c", "e")}
    assert drawn.hidden == {("b", "down"): 1, ("d", "down"): 1, ("e", "down"): 1}
    opened = around(GRAPH, "c", up=0, down=1, opened=[("d", "down"), ("nobody", "up")])
    assert set(opened.nodes) == {"c", "d", "e", "f"}
    assert opened.hidden["c", "up"] == 2
    assert set(around(GRAPH, "c", up=99, down=99).nodes) == set("abcdefh")


def test_what_a_node_depends_on_comes_before_it_and_circles_end() -> None:
    graph = Graph.of([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e"), ("x", "y"), ("y", "x")])

    order = graph.below(["d", "c", "y"])

    assert sorted(order) == ["a", "b", "c", "d", "x", "y"]
    assert all(order.index(parent) < order.index(child) for parent, child in ("ab", "ac", "bd", "cd"))


def test_no_more_is_drawn_than_can_be_read() -> None:
    star = Graph.of([("m", f"c{number}") for number in range(1000)])
    drawn = around(star, "m", up=1, down=1, most=400)
    assert (len(drawn.nodes), drawn.cut) == (400, True)
    assert drawn.hidden["m", "down"] == 601


def flow_of(start: tuple[str, str]) -> ColumnFlow:
    found = traced(pieces())
    graph = Graph.of([("source.raw", "model.stg"), ("model.stg", "model.eph"), ("model.eph", "model.mart")])

    def known(keys: Iterable[str]) -> dict[str, NodeTrace]:
        return {key: found[key] for key in keys if key in found}

    return column_flow(graph, known, start)


def test_a_column_is_followed_both_ways() -> None:
    flow = flow_of(("model.stg", "amount"))
    assert flow.flows == {
        (("source.raw", "cents"), ("model.stg", "amount")): How.COMPUTED,
        (("model.stg", "amount"), ("model.eph", "amount")): How.SAME,
        (("model.stg", "amount"), ("model.eph", "twice")): How.COMPUTED,
        (("model.eph", "twice"), ("model.mart", "total")): How.AGGREGATED,
    }
    assert flow.rows == (("source.raw", "deleted"),)
    assert flow.columns["model.eph"] == ["amount", "twice"]
    assert flow_of(("source.raw", "deleted")).flows == {}
    assert flow_of(("model.mart", "nothing")).unknown == {("model.mart", "nothing")}


def test_a_column_is_followed_through_stars_of_what_nobody_declared() -> None:
    open_ = Piece("source.open", "open")
    star = Piece(
        "model.s",
        "s",
        code="select * from db.open",
        names={"db.open": "source.open"},
        parents=("source.open",),
    )
    reader = Piece(
        "model.r", "r", code="select x + 1 as y from db.s", names={"db.s": "model.s"}, parents=("model.s",)
    )
    found = traced({piece.key: piece for piece in (open_, star, reader)})
    graph = Graph.of([("source.open", "model.s"), ("model.s", "model.r")])
    up = column_flow(graph, lambda keys: {key: found[key] for key in keys if key in found}, ("model.r", "y"))
    assert list(up.flows) == [(("model.s", "x"), ("model.r", "y")), (("source.open", "x"), ("model.s", "x"))]
    down = column_flow(
        graph, lambda keys: {key: found[key] for key in keys if key in found}, ("source.open", "x")
    )
    assert set(down.flows) == set(up.flows)


def test_a_long_way_is_asked_for_in_few_questions_and_what_was_not_followed_decides_nothing() -> None:
    """A chain of 30 models, each of which also reads a lookup for another column."""

    def reading(name: str, code: str, *parents: str) -> Piece:
        return Piece(f"model.{name}", name, code, {f"db.{one}": f"model.{one}" for one in parents},
                     tuple(f"model.{one}" for one in parents))  # fmt: skip

    made = [Piece("model.m0", "m0", columns=("x",)), Piece("model.raw", "raw", columns=("y", "gone"))]
    edges = []
    for n in range(1, 31):
        made.append(reading(f"l{n}", "select y from db.raw where not gone", "raw"))
        code = f"select a.x, b.y from db.m{n - 1} as a cross join db.l{n} as b"
        made.append(reading(f"m{n}", code, f"m{n - 1}", f"l{n}"))
        edges += [("raw", f"l{n}"), (f"l{n}", f"m{n}"), (f"m{n - 1}", f"m{n}")]
    found = traced({piece.key: piece for piece in made})
    graph = Graph.of([(f"model.{parent}", f"model.{child}") for parent, child in edges])
    asked: list[list[str]] = []

    def known(keys: Iterable[str]) -> dict[str, NodeTrace]:
        asked.append(list(keys))
        return {key: found[key] for key in asked[-1] if key in found}

    for start in ("m30", "m15", "m0"):
        asked.clear()
        flow = column_flow(graph, known, (f"model.{start}", "x"))
        assert len(flow.flows) == 30
        assert flow.rows == ()
        assert len(asked) <= 10
        assert len({key for keys in asked for key in keys}) == sum(len(keys) for keys in asked)


# -- Where it is drawn ----------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    count = draw(st.integers(1, 14))
    keys = [f"n{number}" for number in range(count)]
    pairs = [(one, two) for place, one in enumerate(keys) for two in keys[place + 1 :]]
    return keys, draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []


@settings(max_examples=40)
@given(graphs())
def test_boxes_do_not_overlap_and_lines_lead_to_the_right(
    drawn: tuple[list[str], list[tuple[str, str]]],
) -> None:
    keys, edges = drawn
    heights = {key: 40.0 + 10 * (number % 3) for number, key in enumerate(keys)}
    found = layered(heights, edges, gap=10, thread=6)
    assert all(found.rank[parent] < found.rank[child] for parent, child in edges)
    for rank in set(found.rank.values()):
        column = sorted((found.top[key], key) for key in keys if found.rank[key] == rank)
        for (top, key), (below, _other) in pairwise(column):
            assert top + heights[key] + 10 <= below + 1e-6
    assert min(found.top.values()) >= -1e-6
    assert max(found.top[key] + heights[key] for key in keys) <= found.height + 1e-6
    for parent, child in edges:
        assert len(found.routes[parent, child]) == found.rank[child] - found.rank[parent] - 1


def test_a_chain_is_drawn_straight_and_a_crossing_is_avoided() -> None:
    chain = layered(dict.fromkeys("abc", 40.0), [("a", "b"), ("b", "c")], gap=10, thread=6)
    assert len({round(top) for top in chain.top.values()}) == 1
    found = layered(dict.fromkeys("abxy", 40.0), [("a", "y"), ("b", "x")], gap=10, thread=6)
    assert (found.top["a"] < found.top["b"]) == (found.top["y"] < found.top["x"])


@pytest.mark.parametrize("edges", [[("a", "b"), ("b", "a")], [("a", "a")]])
def test_circles_are_drawn_somehow(edges: list[tuple[str, str]]) -> None:
    assert layered(dict.fromkeys("ab", 40.0), edges, gap=10, thread=6).height > 0
