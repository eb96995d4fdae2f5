"""A change of the files that decide what runs here waits for somebody to agree, and nothing is lost meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from bisync.lib.errors import NotAllowed
from environments.actions import deployment_request
from environments.models import Deployment
from governance.models import AuditEvent, User
from governance.roles import Role
from proposals import content
from proposals.actions import authoring, publishing, reviewing
from proposals.models import Check, Proposal
from semantic.codegen import value_tests
from semantic.codegen.quality.macros import MACRO_FILE, MACROS
from semantic.codegen.value_tests import MACRO as METRIC_MACRO
from semantic.codegen.value_tests import MACRO_FILE as METRICS_FILE
from tests.factories import make_member, work_off
from tests.fakes.git_remote import Origin
from tests.proposals.story import FIELDS, Story
from workspace import runs, trust
from workspace.actions import pull_request
from workspace.git.repository import Mirror, Remote
from workspace.holds import HoldMoved, hold_agree, hold_refuse
from workspace.models import Hold, Repository, Run
from workspace.repositories import mirror_of
from workspace.selectors import hold_of

PROJECT = "name: shop\nflags: {}\nmodels: {shop: {+materialized: table}}\n"
SCHEMA_NAME = "{% macro generate_schema_name(name, node) %}other{% endmacro %}\n"


@pytest.fixture
def ada(story: Story) -> User:
    return make_member(story.project, Role.ADMIN, name="Ada Admin")


# -- What counts ----------------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path: Path) -> tuple[Origin, Mirror]:
    origin = Origin(tmp_path / "git")
    origin.commit(
        {"dbt_project.yml": PROJECT, "macros/cents.sql": "{% macro cents(x) %}{{ x }}{% endmacro %}\n"}
    )
    return origin, Mirror(tmp_path / "mirrors" / "1.git", Remote(origin.url, "main"))


def changed(origin: Origin, mirror: Mirror, files: dict[str, str | bytes | None]) -> list[str]:
    before = trust.trusted_files(mirror, mirror.fetch())
    origin.commit(files)
    return trust.changed_between(before, trust.trusted_files(mirror, mirror.fetch()))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("dbt_project.yml", PROJECT.replace("{}", "{use_v2_parser: true}")),
        ("dbt_project.yml", f"{PROJECT}on-run-start: [select 1]\n"),
        ("dbt_project.yml", f"{PROJECT}on_run_end: select 1\n"),
        ("dbt_project.yml", f"{PROJECT}macro-paths: [elsewhere]\n"),
        ("dbt_project.yml", f"{PROJECT}dispatch: []\n"),
        ("dbt_project.yml", PROJECT.replace("table", "table, +pre-hook: select 1")),
        ("dbt_project.yml", PROJECT.replace("table", "table, marts: {post_hook: [select 1]}")),
        ("dbt_project.yml", PROJECT.replace("table", "table, +sql_header: set x = 1")),
        ("dbt_project.yml", f"{PROJECT}models: [\n"),
        ("packages.yml", "packages: []\n"),
        ("dependencies.yml", "projects: []\n"),
        ("package-lock.yml", "packages: []\n"),
        ("profiles.yml", "shop: {}\n"),
        (".env", "DBT_ENGINE_USE_V2_PARSER=1\n"),
        (".gitmodules", '[submodule "m"]\n'),
        ("models/.gitattributes", "*.sql -text\n"),
        ("macros/names.sql", SCHEMA_NAME),
        ("models/names.sql", SCHEMA_NAME),
        ("macros/names.sql", SCHEMA_NAME.replace("{% macro ", "{%-\n  macro\n\n  ")),
        ("macros/table.sql", "{%+ materialization table, adapter='duckdb' %}{% endmaterialization %}\n"),
        ("macros/create.sql", "{% macro duckdb__create_schema(relation) %}{% endmacro %}\n"),
        ("macros/names.SQL", SCHEMA_NAME),
        ("macros/create.sql", "{% macro create_schema(relation) %}{% endmacro %}\n"),
        ("macros/all.sql", "{% macro a() %}{% endmacro %}{% macro rename_relation(a, b) %}{% endmacro %}\n"),
        ("models/forecast.py", "def model(dbt, session): ...\n"),
        ("local/p/models/forecast.PY", "def model(dbt, session): ...\n"),
        ("local/p/packages.yml", "packages: []\n"),
        ("local/p/package-lock.yml", "packages: []\n"),
        ("local/p/dbt_project.yml", "name: p\non-run-start: select 1\n"),
        ("dbt_packages/p/macros/names.sql", SCHEMA_NAME),
        ("dbt_packages/p/dbt_project.yml", "name: p\non-run-start: select 1\n"),
    ],
)
def test_what_decides_what_runs_counts(mirror: tuple[Origin, Mirror], path: str, text: str) -> None:
    assert changed(*mirror, {path: text}) == [path]


def test_a_macro_that_attributes_call_binary_counts(mirror: tuple[Origin, Mirror]) -> None:
    files = {"macros/names.sql": b"\x00" + SCHEMA_NAME.encode(), ".gitattributes": "*.sql binary\n"}

    assert changed(*mirror, files) == [".gitattributes", "macros/names.sql"]


def test_of_programs_only_those_of_dbt_projects_count(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "git")
    origin.commit({"shop/dbt_project.yml": PROJECT, "lib/dbt_project.yml": PROJECT, "dbt_project.yml": None})
    mirror = Mirror(tmp_path / "mirrors" / "1.git", Remote(origin.url, "main"))
    before = trust.trusted_files(mirror, mirror.fetch(), "shop")
    origin.commit({f"{folder}/a.py": "pass" for folder in ("shop", "lib/models", "shopping", "airflow")})

    after = trust.trusted_files(mirror, mirror.fetch(), "shop")

    assert trust.changed_between(before, after) == ["lib/models/a.py", "shop/a.py"]


def test_names_that_cannot_be_told_apart_hide_nothing(mirror: tuple[Origin, Mirror]) -> None:
    origin, copy = mirror
    before = trust.trusted_files(copy, copy.fetch())
    texts = {b"macros/\xff.sql": SCHEMA_NAME.encode(), b"macros/\xfe.sql": b"select 1"}
    found = []
    for path, text in texts.items():
        oid = origin.git("hash-object", "-w", "--stdin", stdin=text)
        origin.git("update-index", "-z", "--index-info", stdin=f"100644 {oid}\t".encode() + path + b"\0")
        origin.git("commit", "--quiet", "--message", "Odd")
        origin.push()
        found.append(trust.trusted_files(copy, copy.fetch()))

    assert trust.changed_between(before, found[0]) == ["macros/\ufffd.sql"]
    assert trust.changed_between(found[0], found[1]) == ["macros/\ufffd.sql"]


def test_the_macros_that_dbt_brings_are_known() -> None:
    adapters = {"create_schema", "drop_schema", "list_relations_without_caching", "rename_relation"}
    others = {"get_columns_in_relation", "run_hooks", "statement", "generate_schema_name", "is_incremental"}

    assert adapters | others | {"duckdb__create_schema", "postgres__create_schema"} <= trust.called_macros()


def test_the_tests_that_bisync_writes_need_nobodys_word(mirror: tuple[Origin, Mirror]) -> None:
    files = {MACRO_FILE: MACROS, METRICS_FILE: METRIC_MACRO}
    assert changed(*mirror, files) == []


def test_links_and_submodules_count(mirror: tuple[Origin, Mirror]) -> None:
    origin, copy = mirror
    before = trust.trusted_files(copy, copy.fetch())
    oid = origin.git("hash-object", "-w", "--stdin", stdin=b"/etc/passwd")
    for entry in (f"120000,{oid},models/link.sql", f"160000,{'1' * 40},vendor"):
        origin.git("update-index", "--add", "--cacheinfo", entry)
    origin.git("commit", "--quiet", "--message", "Links")
    origin.push()

    assert trust.changed_between(before, trust.trusted_files(copy, copy.fetch())) == [
        "models/link.sql",
        "vendor",
    ]


def test_daily_work_does_not_count_and_neither_does_what_bisync_writes(mirror: tuple[Origin, Mirror]) -> None:
    assert changed(
        *mirror,
        {
            "dbt_project.yml": PROJECT.replace("table", "view, +tags: [daily]").replace("name", "vars: {a: 1}\nname"),
            "models/orders.sql": "select 2 as id -- a macro generate_schema_name(x)\n",
            "models/schema.yml": "models: []\n",
            "macros/cents.sql": "{% macro cents(x) %}{{ x }} / 100{% endmacro %}\n",
            value_tests.MACRO_FILE: value_tests.MACRO,
            "tests/one.sql": "select 1\n",
            "README.md": "Run dbt.\n",
        },
    ) == []  # fmt: skip


# -- Held, agreed, refused ------------------------------------------------------------------------------


def pulled(story: Story) -> Run:
    """One pull; other work waits."""
    run = pull_request(project=story.project, actor=story.maya)
    runs.execute(run.pk)
    run.refresh_from_db()
    return run


def commands(run: Run) -> list[str]:
    return list(run.commands.values_list("name", flat=True))


def synced(story: Story) -> str:
    return Repository.objects.get(project=story.project).synced_commit


@pytest.mark.django_db(transaction=True)
@pytest.mark.dbt
@pytest.mark.both
def test_a_held_pull_starts_no_dbt_until_exactly_its_change_is_agreed_to(story: Story, ada: User) -> None:
    before = synced(story)
    story.origin.commit({"packages.yml": "packages: []\n"}, "deps: List <b>no</b> packages.")
    held = pulled(story)
    again = pulled(story)
    for run in (held, again):
        assert (run.status, run.error_code) == ("failed", "pull-held")
        assert "packages.yml" in run.error
        assert not [name for name in commands(run) if name.startswith("dbt")]
    first = Hold.objects.get()
    assert (first.state, synced(story)) == ("open", before)

    # The branch moves on while somebody reads: what was agreed to is not what is there now.
    story.origin.commit({"packages.yml": "packages: [{local: evil}]\n"}, "deps: List evil.")
    hold_agree(hold=first, seen=first.digest, actor=ada)
    held = pulled(story)
    assert (held.error_code, synced(story)) == ("pull-held", before)
    second = Hold.objects.get(state="open")
    assert [change["before"] for change in second.changes] == ["packages: []\n"]
    with pytest.raises(HoldMoved):
        hold_agree(hold=second, seen=first.digest, actor=ada)

    hold_refuse(hold=second, seen=second.digest, actor=ada)
    assert pulled(story).error_code == "pull-held"
    assert not Hold.objects.filter(state="open").exists()
    head = story.origin.commit({"packages.yml": "packages: []\n"}, "deps: List none again.")
    assert (pulled(story).error, synced(story)) == ("", head)

    told = (
        AuditEvent.objects.filter(target__startswith="hold:").order_by("id").values_list("action", flat=True)
    )
    assert list(told) == ["hold.opened", "hold.agreed", "hold.opened", "hold.refused"]


@pytest.mark.django_db(transaction=True)
def test_whoever_may_agree_reads_the_change_and_others_that_there_is_one(story: Story, ada: User) -> None:
    story.origin.commit({".env": "<script>alert('pwn')</script>=1\n"}, "env: <script>alert('pwn')</script>")
    pulled(story)
    hold = Hold.objects.get()
    pulls, agree = (
        reverse("pulls", args=[story.project.slug]),
        reverse("hold-agree", args=[story.project.slug, hold.pk]),
    )
    admin, other = Client(), Client()
    admin.force_login(ada)
    other.force_login(story.priya)

    page, theirs = admin.get(pulls).content.decode(), other.get(pulls).content.decode()

    assert "Held until somebody agrees" in page
    assert ("Held</span>" in page, "Failed</span>" in page) == (True, False)
    assert "Held until somebody agrees" in theirs
    assert ("alert(" in page, "alert(" in theirs) == (True, False)
    assert "<script>alert" not in page
    assert "ada@example.com" in page
    assert other.post(agree, {"seen": hold.digest}).status_code == 403
    assert admin.post(agree, {"seen": "0" * 64}).status_code == 409
    assert admin.post(agree, {"seen": hold.digest}).status_code == 302
    assert Hold.objects.get().state == "agreed"
    assert Run.objects.filter(kind="pull", status="queued").count() == 1
    assert "Held until" not in admin.get(pulls).content.decode()
    with pytest.raises(NotAllowed):
        hold_refuse(hold=hold, seen=hold.digest, actor=story.priya)


def wind_back(story: Story, commit: str) -> None:
    """The branch as it was at `commit`, which counts as pulled."""
    story.origin.git("reset", "--quiet", "--hard", commit)
    story.origin.push(force=True)
    story.project.snapshots.update(commit=commit)


@pytest.mark.django_db(transaction=True)
def test_a_refused_change_that_is_mended_is_forgotten_and_cannot_be_agreed_to(
    story: Story, ada: User
) -> None:
    before = story.origin.commit({"README.md": "Hello\n"})
    Repository.objects.update(synced_commit=before)
    holds = []
    for number in (1, 2):
        story.origin.commit({".env": f"A={number}\n"})
        pulled(story)
        holds.append(Hold.objects.latest("pk"))
        hold_refuse(hold=holds[-1], seen=holds[-1].digest, actor=ada)
    Hold.objects.filter(pk=holds[0].pk).update(state="refused")  # as earlier versions left it
    with pytest.raises(HoldMoved):
        hold_agree(hold=holds[0], seen=holds[0].digest, actor=ada)

    wind_back(story, before)

    assert pulled(story).error == ""
    assert hold_of(story.project) is None
    for hold in holds:
        with pytest.raises(HoldMoved):
            hold_agree(hold=hold, seen=hold.digest, actor=ada)
    assert pulled(story).error == ""


@pytest.mark.django_db(transaction=True)
def test_a_branch_that_goes_back_holds_nothing_any_more(story: Story) -> None:
    before = story.origin.commit({"README.md": "Hello\n"})
    Repository.objects.update(synced_commit=before)
    story.origin.commit({".env": "A=1\n"})
    assert pulled(story).error_code == "pull-held"
    wind_back(story, before)

    assert pulled(story).error == ""
    assert set(Hold.objects.values_list("state", flat=True)) == {"replaced", "agreed"}
    client, snapshot = Client(), story.project.snapshots.get()
    client.force_login(story.priya)
    shown = client.get(reverse("pull-detail", args=[story.project.slug, snapshot.pk])).content.decode()
    assert '<code class="anywhere">dbt_project.yml</code>' in shown


@pytest.mark.django_db(transaction=True)
def test_where_what_was_pulled_is_gone_from_the_repository_everything_is_new(story: Story) -> None:
    Repository.objects.update(synced_commit="1" * 40)
    Hold.objects.all().delete()

    assert pulled(story).error_code == "pull-held"
    assert {change["path"]: change["new"] for change in Hold.objects.get().changes} == {
        "dbt_project.yml": True
    }


@pytest.mark.django_db(transaction=True)
def test_what_is_not_shown_of_a_change_is_said_with_the_way_to_read_it(story: Story, ada: User) -> None:
    before, evil = synced(story), f"A={'1' * 600}\n" * 101
    many = {f"p{number}/packages.yml": "packages: []\n" for number in range(60)}
    head = story.origin.commit({".env": f"{evil}EVIL=1\n", "profiles.yml": b"a: \xff\n", **many})
    pulled(story)
    client, hold = Client(), Hold.objects.get()
    client.force_login(ada)

    page = client.get(reverse("pulls", args=[story.project.slug])).content.decode()

    rest = {change["path"]: change.get("rest") for change in hold.changes}
    assert len(rest) == 62
    assert rest[".env"] == f"git diff {before} {head} -- .env"
    assert (rest["p1/packages.yml"], rest["p9/packages.yml"], rest["profiles.yml"]) == ("", None, None)
    assert (page.count("Not all of this file is shown"), page.count("packages.yml</h3>")) == (1, 49)
    assert rest[".env"] in page
    assert "12 more files change" in page
    assert "profiles.yml</span>" in page
    Run.objects.update(status="running")
    swapped = client.get(reverse("pulls", args=[story.project.slug]), headers={"HX-Request": "true"})
    assert "Held until somebody agrees" not in swapped.content.decode()


@pytest.mark.parametrize("content", [b"A=\xff\n", b"A=\x00\n", b"\n" * 2_000 + b"EVIL=1\n"])
@pytest.mark.django_db(transaction=True)
def test_a_file_that_cannot_be_shown_whole_is_not_passed_off_as_shown(story: Story, content: bytes) -> None:
    head = story.origin.commit({".env": content})
    pulled(story)

    assert [change["rest"] for change in Hold.objects.get().changes] == [
        f"git diff {synced(story)} {head} -- .env"
    ]


# -- What else builds on the branch ---------------------------------------------------------------------


def approved(story: Story) -> Proposal:
    """Without a build: the checks are not what this is about."""
    proposal = authoring.proposal_open(project=story.project, author=story.maya)
    authoring.draft_save(item=proposal.items.get(), fields=FIELDS, version=1, actor=story.maya)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    Run.objects.filter(kind="proposal.check").update(status="succeeded")
    Check.objects.update(status="passed")
    proposal.refresh_from_db()
    reviewing.proposal_approve(proposal=proposal, seen=content.hash_of(proposal), actor=story.tom)
    proposal.refresh_from_db()
    return proposal


@pytest.mark.django_db(transaction=True)
@pytest.mark.dbt
def test_publishing_checking_and_building_stop_at_a_held_commit_and_go_on_once_it_is_agreed_to(
    story: Story, ada: User
) -> None:
    proposal = approved(story)
    head = story.origin.commit({".env": "A=1\n"})
    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    deployment_request(environment=story.production, commit=head, reason="", actor=story.priya)

    done = work_off()

    assert {run.kind: run.error_code for run in done} == {
        "proposal.publish": "pull-held",
        "environment.deploy": "pull-held",
        "pull": "pull-held",
    }
    assert not [name for run in done for name in commands(run) if name.startswith("dbt")]
    proposal.refresh_from_db()
    assert (proposal.status, story.head()) == ("publishing", head)
    assert Deployment.objects.get(status="live").number == 1

    hold = Hold.objects.get()
    hold_agree(hold=hold, seen=hold.digest, actor=ada)
    publishing.publishing_repeat(proposal=proposal, actor=story.priya)
    run = Run.objects.get(kind="proposal.publish", status="queued")
    runs.execute(run.pk)
    run.refresh_from_db()
    assert run.error == ""
    assert story.git("rev-parse", f"{story.head()}^") == head


@pytest.mark.django_db(transaction=True)
def test_checks_on_a_held_commit_say_so_and_start_no_dbt(story: Story) -> None:
    proposal = authoring.proposal_open(project=story.project, author=story.maya)
    authoring.draft_save(item=proposal.items.get(), fields=FIELDS, version=1, actor=story.maya)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.origin.commit({".env": "A=1\n"})

    run, pull = work_off()

    assert (run.error_code, pull.kind, pull.error_code) == ("pull-held", "pull", "pull-held")
    assert not [name for name in commands(run) if name.startswith("dbt")]
    assert [change["path"] for change in Hold.objects.get().changes] == [".env"]
    check = Check.objects.get(status="failed")
    assert ".env" in check.message


@pytest.mark.django_db(transaction=True)
def test_reading_the_project_stops_at_a_held_commit_and_brings_up_what_to_agree_to(story: Story) -> None:
    story.origin.commit({"packages.yml": "packages: [{local: evil}]\n"})
    runs.request(kind="repository.parse", project=story.project)

    parse, pull = work_off()

    assert (parse.error_code, pull.kind) == ("pull-held", "pull")
    assert not [name for name in commands(parse) if name.startswith("dbt")]
    assert hold_of(story.project) is not None
    runs.request(kind="repository.parse", project=story.project)
    assert [run.kind for run in work_off()] == ["repository.parse"]


@pytest.mark.django_db(transaction=True)
def test_a_build_of_files_that_the_branch_has_no_more_says_what_to_build_instead(story: Story) -> None:
    before = synced(story)
    gone = story.origin.commit({".env": "A=1\n"})
    mirror_of(story.project.repository).fetch()
    story.origin.commit({".env": None})
    mirror_of(story.project.repository).fetch()
    deployment_request(environment=story.production, commit=gone, reason="", actor=story.priya)

    (run,) = work_off()

    assert run.error_code == "never-agreed"
    assert (gone[:8] in run.error, ".env" in run.error, synced(story)) == (True, True, before)
