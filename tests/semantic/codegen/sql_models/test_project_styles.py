"""How a project writes its models, read from its files: the habits, their evidence, and hostile files."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from semantic.codegen.sql_models.folders import Layer, layer_of, shared_prefix
from semantic.codegen.sql_models.jinja import RelationCall, Unmaskable, mask
from semantic.codegen.sql_models.new_model import Project, selected
from semantic.codegen.sql_models.style import ProjectStyle, style_from, style_of
from semantic.codegen.sql_models.writing import Projection, Selection
from tests.semantic.codegen.sql_models.projects import PROJECTS, ROWS


@pytest.mark.parametrize(
    ("style", "habits"),
    [
        ("labs", ("lower", "trailing", "    ", False, True, "final", True, True)),
        ("leading", ("lower", "leading", "    ", True, False, "", False, False)),
        ("upper", ("upper", "trailing", "  ", False, True, "{model}", False, False)),
        ("plain", ("lower", "trailing", "    ", False, True, "", False, False)),
    ],
)
def test_the_habits_of_a_project_are_those_of_most_of_its_files(
    style: str, habits: tuple[object, ...]
) -> None:
    files = {path: text for path, text in PROJECTS[style].files.items() if text != ROWS}
    found = style_of(files, dialect="duckdb")
    shown = (
        *(found.keywords, found.commas, found.indent, found.hanging),
        *(found.imports, found.final, found.airy, found.with_alone),
    )
    assert shown == habits
    assert style_of(dict(reversed(files.items())), dialect="duckdb") == found


def test_a_style_says_where_models_and_their_descriptions_go() -> None:
    upper = style_of(PROJECTS["upper"].files).places
    assert upper.layer("marts") == Layer("marts", "models/mart", ("dim",))
    assert upper.layer("intermediate") == Layer("intermediate", "models/intermediate", ("int",))
    assert (upper.yaml, upper.yaml_name, upper.version, upper.tests) == (
        *("folder", "_{folder}__models.yml"),
        *(True, "tests"),
    )
    labs = style_of(PROJECTS["labs"].files).places
    assert (labs.yaml, labs.yaml_name, labs.version, labs.tests) == (
        "model",
        "{model}.yml",
        False,
        "data_tests",
    )
    path = "models/marts/core/dim_new.sql"
    assert labs.properties_file(path, PROJECTS["labs"].files) == "models/marts/core/dim_new.yml"
    beside = "models/mart/core/dim_customers.sql"
    assert upper.folder_for("intermediate", beside, PROJECTS["upper"].files) == "models/intermediate/core"


AREAS = (
    *("models/esg/staging/stg_grid.sql", "models/esg/marts/fct_grid.sql"),
    *("models/apps/wallet/staging/stg_users.sql", *(f"models/apps/wallet/marts/fct_{n}.sql" for n in "abc")),
)


@pytest.mark.parametrize(
    ("models", "read", "folder"),
    [
        (AREAS, ["models/esg/staging/stg_grid.sql"], "models/esg/marts"),
        (AREAS, ["models/esg/marts/fct_grid.sql", "models/esg/staging/stg_grid.sql"], "models/esg/marts"),
        (AREAS, [], "models/apps/wallet/marts"),
        # No model stands in the layer's own folder.
        (("models/marts/core/a.sql", "models/marts/sales/b.sql"), ["models/marts/sales/b.sql"], "models/marts/sales"),
        (("models/marts/core/a.sql", "models/marts/sales/b.sql"), ["models/staging/sales/c.sql"], "models/marts/sales"),
        (("models/marts/core/a.sql", "models/marts/core/b.sql", "models/marts/c/c.sql"), ["models/staging/d.sql"], "models/marts/core"),
        # There it does, and nothing is nearer.
        (("models/marts/a.sql", "models/marts/core/b.sql", "models/marts/core/c.sql"), ["models/staging/d.sql"], "models/marts"),
        (("models/sales/fct_a.sql", "models/hr/fct_b.sql"), ["models/hr/stg_c.sql"], "models/hr"),
        (("models/a.sql",), ["models/a.sql"], ""),
    ],
)  # fmt: skip
def test_a_model_goes_to_the_folder_of_its_layer_that_is_nearest_to_what_it_reads(
    models: tuple[str, ...], read: list[str], folder: str
) -> None:
    files = dict.fromkeys(models, "select 1")
    assert style_of(files).places.nearest("marts", read, files) == folder
    assert style_of(files).places.nearest("marts", read, dict(reversed(files.items()))) == folder


UPPER = "WITH a AS (\n  SELECT 1\n),\n\nfinal AS (\n  SELECT 2\n)\n\nSELECT * FROM final\n"
LOWER = "with a as (\n    select 1\n)\n\nselect x\nfrom a\n"


def in_folders(**folders: tuple[str, ...]) -> dict[str, str]:
    """Models with these texts, in folders below `models`."""
    return {
        f"models/{folder.replace('__', '/')}/m{n}_{folder}.sql": text
        for folder, texts in folders.items()
        for n, text in enumerate(texts)
    }


def test_the_files_of_the_same_layer_or_folder_tell_how_a_model_is_written() -> None:
    marts = {"marts__core": (UPPER,) * 2, "marts__sales": (UPPER,) * 2, "marts__hr": (LOWER,) * 3}
    style = style_of(in_folders(staging=(LOWER,) * 9, **marts))
    assert (style.keywords, style.final) == ("lower", "")

    habits = {
        path: (style.at(path).keywords, style.at(path).final)
        for path in (
            "models/staging/n.sql",
            "models/marts/core/n.sql",
            "models/marts/hr/n.sql",
            "models/n.sql",
        )
    }
    assert habits == {
        "models/staging/n.sql": ("lower", ""),
        "models/marts/core/n.sql": ("upper", "final"),
        "models/marts/hr/n.sql": ("lower", ""),
        "models/n.sql": ("lower", ""),
    }
    assert style_from(json.loads(json.dumps(style.data()))).at("models/marts/core/n.sql").keywords == "upper"


def test_two_files_of_a_layer_are_too_few_to_differ_from_the_project() -> None:
    style = style_of(in_folders(staging=(LOWER,) * 5, marts=(UPPER,) * 2))
    assert style.at("models/marts/n.sql").data() == style.data()


def test_a_new_model_is_written_as_those_of_its_folder() -> None:
    files = in_folders(staging=(LOWER,) * 9, marts=(UPPER,) * 3)
    project = Project(files, style_of(files), "duckdb")
    selection = Selection(RelationCall("ref", "a"), (Projection("b", exp.column("b")),))

    assert selected("new", "models/marts", selection, project).startswith("WITH a AS (")
    assert selected("new", "models/staging", selection, project).startswith("with a as (")


@pytest.mark.parametrize("settings", [{}, {"dbt_project.yml": "name: shop\nmodel-paths: [models]\n"}])
def test_what_is_no_model_shows_no_habit(settings: dict[str, str]) -> None:
    folders = ("analyses", "dbt_packages/other/models", "exploration", "migrations", "target/run/models")
    others = {f"{folder}/n{n}.sql": UPPER for folder in folders for n in range(3)}
    style = style_of({**settings, **others, **in_folders(marts=(LOWER,) * 2)})
    assert style.keywords == "lower"
    assert {one.of for one in style.evidence if one.trait == "keywords"} == {2}


def test_models_are_where_the_project_says() -> None:
    settings = {"dbt_project.yml": "name: shop\nmodel-paths: [transform]\n"}
    style = style_of({**settings, "models/old.sql": UPPER, "transform/a.sql": LOWER})
    assert (style.keywords, {one.of for one in style.evidence if one.trait == "keywords"}) == ("lower", {1})


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (("marts_orders", "marts_customers", "marts_order_items"), "marts"),
        (("api_esg_daily", "api_esg_info", "api_esg_inputs"), "api_esg"),
        (("fct_orders", "fct_customers", "dim_days"), ""),
        (("fct_orders", "fct_customers"), ""),
        (("orders", "order_items", "ordering"), ""),
    ],
)
def test_what_all_models_of_a_folder_begin_with_is_its_prefix(names: tuple[str, ...], prefix: str) -> None:
    files = {f"models/marts/{name}.sql": LOWER for name in names}
    assert shared_prefix("models/marts", {**files, "models/marts/sub/other.sql": LOWER}) == prefix


def test_each_habit_has_its_evidence_for_whoever_approves_it() -> None:
    files = {
        "models/a.sql": "select\n    a\n    , b\nfrom t",
        "models/b.sql": "select\n    a\n    , b\nfrom t",
        "models/c.sql": "SELECT\n  a,\n  b\nFROM t",
    }
    evidence = {one.trait: one for one in style_of(files).evidence}
    commas = evidence["commas"]
    assert (commas.value, commas.count, commas.of, commas.example) == ("leading", 2, 3, "models/a.sql")
    assert (evidence["keywords"].count, evidence["keywords"].of) == (2, 3)
    assert (evidence["imports"].count, evidence["imports"].of) == (0, 0)


def test_functions_are_in_the_case_of_the_keywords_or_in_the_other_one() -> None:
    mixed = "SELECT sum(a) AS b, toDate(c) AS d, e IN (1) FROM t"
    found = style_of({"models/a.sql": mixed, "models/b.sql": "SELECT a FROM t"})
    assert (found.keywords, found.functions, found.of_functions) == ("upper", "unlike keywords", "lower")
    assert [(one.count, one.of) for one in found.evidence if one.trait == "functions"] == [(1, 1)]
    assert style_of({"models/a.sql": "SELECT SUM(a) AS b FROM t"}).of_functions == "upper"
    assert style_of({"models/a.sql": "select sum(a) as b from t"}).of_functions == "lower"
    assert style_of({"models/a.sql": "select toDate(a) as b from t"}).functions == "like keywords"


def test_of_very_many_files_the_same_ones_are_read_when_others_come() -> None:
    files = {
        f"models/m{n}.sql": f"select a{n} from t" if n % 3 else f"SELECT a{n} FROM t" for n in range(900)
    }

    def seen(more: dict[str, str]) -> tuple[str, int]:
        style = style_of({**files, **more})
        found = next(one for one in style.evidence if one.trait == "keywords")
        return style.keywords, found.count

    assert seen({}) == ("lower", pytest.approx(200, abs=40))
    assert abs(seen({"models/more.sql": "SELECT 1"})[1] - seen({})[1]) <= 1


def test_an_approved_style_comes_back_from_plain_data() -> None:
    for styled in PROJECTS.values():
        style = style_of(styled.files)
        data = json.loads(json.dumps(style.data()))
        assert style_from(data).data() == style.data()
    assert style_of({}).data() == ProjectStyle().data()


def test_the_folder_tells_the_layer_and_else_the_prefix() -> None:
    assert layer_of("transform/models/marts/core/stg_orders.sql") == "marts"
    assert layer_of("marts/models/sales/fct_orders.sql") == "marts"
    assert layer_of("models/sales/stg_orders.sql") == "staging"
    assert layer_of("models/sales/orders.sql") is None


@given(st.dictionaries(st.sampled_from(["models/a.sql", "models/b.yml", "x.sql", "a/b/c.sql"]), st.text()))
def test_no_file_makes_it_fail(files: dict[str, str]) -> None:
    assert asdict(style_of(files))


def test_habits_are_told_in_words_that_people_read() -> None:
    text = "with t as (\n\n\tselect\n\t\ta,\n\t\tb\n\tfrom {{ ref('c') }}\n\n)\n\nselect\n\ta,\n\tb\nfrom t\n"
    told = {one.trait: (one.words, one.shown) for one in style_of({"models/a.sql": text}).evidence}

    assert told["indent"] == ("Indent", "a tab")
    assert told["airy"] == ("Blank lines within common tables", "yes")
    assert told["final"][1] == "none"
    usual = {one.trait: one.shown for one in style_of({}).evidence}
    assert usual["indent"] == "4 blanks"


HOSTILE = [
    "{{",
    "{% if %}",
    "{% endif %}",
    "{#",
    "select 'a",
    "\x00",
    "((((" * 3_000,
    "{{ 'x }} ' }}",
    "\ufeffselect 1",
    "with x as (select * from {{ ref('a') }}",
    "with x as (",
    "select",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_files_show_nothing_or_something_and_never_fail(text: str) -> None:
    assert style_of({"models/a.sql": text, "models/a.yml": text}).keywords == "lower"


@given(st.lists(st.sampled_from(
    ["select a", "{{ x }}", "{{ ref('t') }}", "{% if a %}", "{% else %}", "{% endif %}", "{# c #}", "\n", "'{{ y }}'",
     "{% for x in y %}", "{% endfor %}", "{% set z %}", "{% endset %}", "{% set z = 1 %}", ", b as (", ")", "{{ group_by(1) }}"]
)))  # fmt: skip
def test_each_place_in_a_masked_text_is_the_same_in_the_file(parts: list[str]) -> None:
    text = "".join(parts)
    for last in (False, True):
        try:
            masked = mask(text, last=last)
        except Unmaskable:
            return
        assert len(masked.text) == len(text)
        assert not set("{}%#") & set(masked.text)
        assert masked.text == text or "{" in text


def test_one_branch_of_an_if_and_one_round_of_a_loop_stay() -> None:
    text = "a{% if x %}b{% elif y %}c{% else %}d{% endif %}{% for z in w %}e{% if not loop.last %},{% endif %}{% endfor %}"
    assert "".join(mask(text).text.split()) == "abe"
    assert "".join(mask(text, last=True).text.split()) == "ade"
    assert "".join(mask("a{% set x %}b{% endset %}{% macro m() %}c{% endmacro %}").text.split()) == "a"
    assert "".join(mask("a{% raw %}{{ b }}{% endraw %}").text.split()) == "a"


def test_jinja_of_a_known_meaning_keeps_it() -> None:
    assert mask("cast(a as {{ dbt.type_string() }})").text.split()[2] == "text"
    assert "group by 1" in mask("select a from t {{ dbt_utils.group_by(n=1) }}").text
    tables = mask("{{ simple_cte([('a', 'b')]) }}, c as (select 1)").text
    assert tables.startswith("with ")
