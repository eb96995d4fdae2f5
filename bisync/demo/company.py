"""Make the demo company: people, a git remote with their dbt project, environments with data."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from bisync.lib.errors import BisyncError
from environments.actions import NewProject, deployment_request, environment_save, project_connect
from environments.models import Environment
from environments.selectors import environments_of
from governance import audit
from governance.actions import role_grant
from governance.models import Project, User
from governance.roles import Role
from proposals.actions.authoring import draft_save, proposal_open
from semantic.fields import MetricFields, ValueRule, name_from
from workspace.git.process import git
from workspace.models import Run

EXAMPLE = settings.BASE_DIR / "examples" / "outdoor"
PASSWORD = "trail-mix-and-rain"  # noqa: S105 (printed for everybody to read)
SLUG = "outdoor"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works at the demo company."""

    name: str
    email: str
    roles: tuple[Role, ...]
    does: str


PEOPLE = (
    Person("Maya Chen", "maya@tarnandtrail.example", (Role.CONTRIBUTOR,), "proposes metrics (growth)"),
    Person("Tom Okafor", "tom@tarnandtrail.example", (Role.REVIEWER,), "reviews and approves (data team)"),
    Person("Priya Nair", "priya@tarnandtrail.example", (Role.STEWARD, Role.PUBLISHER), "publishes (finance)"),
    Person("Ada Lindqvist", "ada@tarnandtrail.example", (Role.ADMIN,), "configures (admin)"),
)
# The smaller environments hold a sample, so that their numbers differ and their builds are quick.
VARIABLES = {"dev": {"outdoor_scale": 0.1}, "staging": {"outdoor_scale": 0.3}}

Say = Callable[[str], None]
Meanwhile = Callable[[], None]


class DemoIncomplete(BisyncError):
    """A step of making the demo failed; the sentence is the run's."""

    code = "demo-incomplete"
    message = "The demo could not be made: %(why)s Start again with --reset."


def present() -> bool:
    """Whether the demo company is there, with its production built."""
    production = Environment.objects.filter(project__slug=SLUG, slug="prod").first()
    return production is not None and production.live_id is not None


def remote_path() -> Path:
    """The demo company's git remote: a bare repository in the data directory."""
    return Path(settings.DATA_DIR) / "demo" / "outdoor.git"


def remote_create(path: Path) -> None:
    """A bare repository with the example project as its first commit, by its analytics engineer."""
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    tom = PEOPLE[1]
    env = {
        "GIT_AUTHOR_NAME": tom.name,
        "GIT_AUTHOR_EMAIL": tom.email,
        "GIT_COMMITTER_NAME": tom.name,
        "GIT_COMMITTER_EMAIL": tom.email,
    }
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "outdoor"
        shutil.copytree(EXAMPLE, tree, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
        git("init", "--quiet", "--initial-branch=main", cwd=tree)
        git("add", "--all", cwd=tree)
        git("commit", "--quiet", "-m", "outdoor: Add the analytics project.", cwd=tree, env=env)
        local = {"GIT_ALLOW_PROTOCOL": "file"}
        git("clone", "--quiet", "--bare", str(tree), str(path), cwd=Path(folder), env=local)


def people_create() -> dict[str, User]:
    """The people, by e-mail; their password is the demo's."""
    people = {}
    for person in PEOPLE:
        staff = Role.ADMIN in person.roles
        people[person.email] = User.objects.create_user(
            person.email, PASSWORD, name=person.name, is_staff=staff, is_superuser=staff
        )
    return people


def create(say: Say, meanwhile: Meanwhile = lambda: None) -> Project:
    """The whole company, its work done by the workers; raises `DemoIncomplete` where a step fails.

    `meanwhile` is called again and again while they work.
    """
    say("Making the git remote")
    remote_create(remote_path())
    people = people_create()
    admin = people[PEOPLE[3].email]
    project = project_connect(
        new=NewProject(
            name="Tarn & Trail", slug=SLUG, url=str(remote_path()), branch="main", schema="analytics"
        ),
        actor=admin,
    )
    for person in PEOPLE:
        for role in person.roles:
            role_grant(project=project, user=people[person.email], role=role, actor=admin)
    for environment in environments_of(project):
        if environment.slug in VARIABLES:
            environment_save(
                environment=environment, values={"variables": VARIABLES[environment.slug]}, actor=admin
            )
    say("Pulling its dbt project")
    _finished(Run.objects.get(project=project, kind="pull"), meanwhile)
    say("Building production")
    commit = Project.objects.get(pk=project.pk).repository.synced_commit
    for environment in environments_of(project).order_by("-position"):
        deployment = deployment_request(
            environment=environment, commit=commit, reason="The first version", actor=None
        )
        assert deployment.run is not None
        if environment.kind == "production":
            _finished(deployment.run, meanwhile)
    _half_finished(project, people[PEOPLE[0].email])
    return project


def _finished(run: Run, meanwhile: Meanwhile) -> None:
    """Wait until a worker has carried a run out."""
    while not run.finished:
        meanwhile()
        time.sleep(0.2)
        run.refresh_from_db()
    if run.status != "succeeded":
        raise DemoIncomplete(why=run.error or run.get_status_display())


@audit.atomic()
def _half_finished(project: Project, author: User) -> None:
    """A draft to go on with, as a person might have left it."""
    proposal = proposal_open(project=project, author=author)
    label = "Net revenue per buying customer"
    fields = MetricFields(
        name=name_from(label),
        label=label,
        meaning="Revenue after discounts and refunds, divided by the customers who ordered in the period.",
        formula="(SUM(net_amount) - SUM(refund_amount)) / COUNT(DISTINCT customer_id)",
        model="fct_orders",
        value_format="currency",
        owner=author.name,
        rules=(ValueRule("positive"),),
    )
    draft_save(item=proposal.items.get(), fields=fields, version=1, actor=author)
