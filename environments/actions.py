"""Connecting a project, shaping its environments, asking for deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput
from bisync.lib.states import Lifecycle
from bisync.lib.stored import is_line
from environments.models import RESERVED_SLUGS, Deployment, DeploymentStatus, Environment, EnvironmentKind
from governance import audit, permissions
from governance.actions import NOT_A_LINE, project_create
from governance.models import Project, User
from workspace import runs
from workspace.actions import connection_save, connection_test, repository_connect, repository_test
from workspace.models import Connection, Repository, Run

LIFECYCLE = Lifecycle(
    {
        "apply": ({DeploymentStatus.PLANNED, DeploymentStatus.APPLYING}, DeploymentStatus.APPLYING),
        "go_live": ({DeploymentStatus.APPLYING}, DeploymentStatus.LIVE),
        "supersede": ({DeploymentStatus.LIVE}, DeploymentStatus.SUPERSEDED),
        "fail": ({DeploymentStatus.PLANNED, DeploymentStatus.APPLYING}, DeploymentStatus.FAILED),
        "plan_again": ({DeploymentStatus.FAILED}, DeploymentStatus.PLANNED),
    }
)


class BuiltAlready(BisyncError):
    code = "built-already"
    message = _(
        "%(environment)s has been built before. Whoever may deploy builds it again, under Environments."
    )
    http_status = 409


class NothingToDeploy(BisyncError):
    code = "nothing-to-deploy"
    message = _("Pull from the repository first: no commit is known yet.")
    http_status = 409


class MetricsLost(BisyncError):
    code = "metrics-lost"
    message = _(
        "With this version these metrics cannot be computed: %(metrics)s. The warehouse says: %(why)s. "
        "%(environment)s stays as it is. Correct them in the repository, then try again."
    )
    http_status = 409


class Overtaken(BisyncError):
    code = "overtaken"
    message = _("A newer version went live in %(environment)s meanwhile, so this one was not built.")
    http_status = 409


class LiveMoved(BisyncError):
    code = "live-moved"
    message = _("%(environment)s got another version meanwhile. Deploy again to build on that one.")
    http_status = 409


@dataclass(frozen=True, slots=True)
class NewProject:
    """All that a project begins with: its repository, its warehouse."""

    name: str
    slug: str
    url: str
    branch: str
    folder: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    adapter: str = "duckdb"
    host: str = ""
    port: int = 5432
    database: str = ""
    user: str = ""
    warehouse_password: str = field(default="", repr=False)
    schema: str = "analytics"


@audit.atomic()
def project_connect(*, new: NewProject, actor: User) -> Project:
    """A project with its repository, one warehouse and three environments; its first pull is asked for."""
    project = project_create(slug=new.slug, name=new.name, actor=actor)
    connection = connection_save(
        project=project,
        actor=actor,
        values={
            "name": "Warehouse",
            "adapter": new.adapter,
            "host": new.host,
            "port": new.port,
            "database": new.database,
            "user": new.user,
            "password": new.warehouse_password,
        },
    )
    repository_connect(
        project=project,
        actor=actor,
        values={
            "url": new.url,
            "branch": new.branch,
            "folder": new.folder,
            "username": new.username,
            "password": new.password,
            "connection": connection,
        },
    )
    environments_default(project=project, connection=connection, schema=new.schema, actor=actor)
    runs.request(kind="pull", project=project, requested_by=actor)
    return project


@audit.atomic()
def project_begin(
    *, name: str, slug: str, url: str, username: str = "", password: str = "", actor: User
) -> Project:
    """A project with the address of its repository, whose test is asked for: the first step of connecting."""
    project = project_create(slug=slug, name=name, actor=actor)
    values = {"url": url, "branch": "main", "username": username, "password": password}
    repository_connect(project=project, values=values, actor=actor)
    repository_test(project=project, actor=actor)
    return project


@audit.atomic()
def warehouse_connect(
    *, project: Project, values: Mapping[str, object], schema: str, actor: User
) -> Connection:
    """Create or change the warehouse that the project is read for, and ask for its test.

    The first time development, staging and production are made in it. Raises `InvalidInput` where versions
    that people read lie in another one.
    """
    known = Repository.objects.select_related("connection").defer("connection__password")
    repository = known.get(project=project)
    before = repository.connection
    moved = before is not None and any(
        getattr(before, name) != values.get(name, getattr(before, name)) for name in _PLACE
    )
    if moved and Environment.objects.filter(connection=before, live__isnull=False).exists():
        words = _("Versions that people read lie in the present warehouse, so it stays where it is.")
        raise InvalidInput({"adapter": [str(words)]})
    connection = connection_save(
        project=project, values={"name": "Warehouse", **values}, actor=actor, connection=before
    )
    if before is None:
        repository_connect(project=project, values={"connection": connection}, actor=actor)
    if not Environment.objects.filter(project=project).exists():
        environments_default(project=project, connection=connection, schema=schema, actor=actor)
    connection_test(connection=connection, actor=actor)
    return connection


def environments_default(
    *,
    project: Project,
    connection: Connection,
    schema: str,
    actor: User,
    variables: Mapping[str, Mapping[str, object]] | None = None,
) -> list[Environment]:
    """Development, staging and production in one warehouse, each with a schema of its own."""
    kinds = (
        ("dev", "Development", EnvironmentKind.DEVELOPMENT, "dev", f"{schema}_dev"),
        ("staging", "Staging", EnvironmentKind.STAGING, "staging", f"{schema}_staging"),
        ("prod", "Production", EnvironmentKind.PRODUCTION, "prod", schema),
    )
    return [
        environment_save(
            environment=Environment(project=project, position=position),
            values={
                "slug": slug,
                "name": name,
                "kind": kind,
                "connection": connection,
                "dbt_target": target,
                "schema": own,
                "variables": dict((variables or {}).get(slug, {})),
            },
            actor=actor,
        )
        for position, (slug, name, kind, target, own) in enumerate(kinds, start=1)
    ]


_PLACE = ("adapter", "host", "port", "database")
_SHOWN = ("slug", "name", "kind", "dbt_target", "schema", "branch", "variables")


@audit.atomic()
def environment_save(*, environment: Environment, values: Mapping[str, object], actor: User) -> Environment:
    """Create or change an environment. Raises `InvalidInput` with sentences beside the fields."""
    permissions.require(actor, "environment.configure", environment.project)
    before = {name: getattr(environment, name) for name in _SHOWN} if environment.pk else {}
    for name, value in values.items():
        setattr(environment, name, value)
    if environment.variables is None:  # what a form makes of an empty field
        environment.variables = {}
    problems = _problems(environment)
    try:
        environment.full_clean(exclude=list(problems), validate_constraints=not problems)
    except ValidationError as exc:
        problems.update({name: list(texts) for name, texts in exc.message_dict.items()})
    if problems:
        raise InvalidInput(problems)
    # Of one that exists nothing else: a worker may have made another version live meanwhile.
    environment.save(update_fields={*values, "variables"} if environment.pk else None)
    after = {name: getattr(environment, name) for name in _SHOWN}
    action = "environment.changed" if before else "environment.created"
    audit.record(actor=actor, action=action, target=environment, before=before, after=after)
    return environment


def _problems(environment: Environment) -> dict[str, list[str]]:
    """What the columns and constraints cannot say, or not in words."""
    problems: dict[str, list[str]] = {}
    others = Environment.objects.filter(project=environment.project).exclude(pk=environment.pk)
    if environment.slug in RESERVED_SLUGS:
        problems["slug"] = [
            str(_("“%(slug)s” is used by Bisync itself; choose another.") % {"slug": environment.slug})
        ]
    if not is_line(environment.name):
        problems["name"] = [str(NOT_A_LINE)]
    if not isinstance(environment.variables, dict):
        problems["variables"] = [str(_('Write an object such as {"sample": 0.1}.'))]
    if environment.kind == EnvironmentKind.PRODUCTION and (taken := others.filter(kind="production").first()):
        problems["kind"] = [
            str(_("%(name)s is production already; a project has one.") % {"name": taken.name})
        ]
    return problems


@audit.atomic()
def deployment_request(
    *,
    environment: Environment,
    commit: str,
    reason: str,
    actor: User | None,
    on_behalf: User | None = None,
    affected: Sequence[str] = (),
    subject: str = "",
) -> Deployment:
    """Ask for a commit to be built, tested and made live in an environment.

    `actor` is None where publishing asks, `on_behalf` of whoever published; a person who asks needs the
    permission to deploy. An environment's deployments are built one after another, by one run at a time.
    Raises `NothingToDeploy` without a commit.
    """
    if actor is not None:
        permissions.require(actor, "environment.deploy", environment)
    return _deployment(
        environment, commit, reason, actor, on_behalf=on_behalf, affected=affected, subject=subject
    )


@audit.atomic()
def first_build(*, environment: Environment, commit: str, actor: User) -> Deployment:
    """Ask for the first version of an environment that nobody reads: whoever connects sees that it builds.

    One that is being built already is the answer. Raises `BuiltAlready` where one is live.
    """
    permissions.require(actor, "environment.configure", environment)
    # Two who click at once would both find nothing that is being built.
    environment = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    if environment.live_id is not None or environment.kind == EnvironmentKind.PRODUCTION:
        raise BuiltAlready(environment=environment.name)
    unfinished, _target = LIFECYCLE.edge("fail")
    waiting = Deployment.objects.filter(environment=environment, status__in=unfinished).first()
    return waiting or _deployment(environment, commit, str(_("First build")), actor)


def _deployment(
    environment: Environment,
    commit: str,
    reason: str,
    actor: User | None,
    *,
    on_behalf: User | None = None,
    affected: Sequence[str] = (),
    subject: str = "",
) -> Deployment:
    if not commit:
        raise NothingToDeploy
    # Two requests at once would both find the same last number.
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    number = Deployment.objects.filter(environment=environment).aggregate(last=Max("number"))["last"] or 0
    deployment = Deployment.objects.create(
        environment=environment,
        number=number + 1,
        commit=commit,
        reason=reason[:200],
        subject=subject,
        requested_by=actor or on_behalf,
        affected=sorted(set(affected)),
        variables=environment.variables,
    )
    audit.record(
        actor=actor,
        action="deployment.requested",
        target=deployment,
        after={"environment": environment.slug, "commit": commit, "reason": reason},
    )
    run = runs.request(
        kind="environment.deploy",
        project=environment.project,
        subject=audit.key(environment),
        params={"environment": environment.pk},
        requested_by=actor,
    )
    deployment.run = run
    deployment.save(update_fields=["run"])
    return deployment


@audit.atomic()
def deployment_go_live(*, deployment: Deployment, onto: Deployment | None) -> Deployment:
    """Point the environment's readers to this version, provided `onto` is still the live one.

    Raises `LiveMoved` where another version went live since this one was built on top of `onto`.
    """
    environment = deployment.environment
    moved = Environment.objects.filter(pk=environment.pk, live=onto).update(live=deployment)
    if not moved:
        raise LiveMoved(environment=environment.name)
    if onto is not None:
        LIFECYCLE.advance(onto, "supersede")
    LIFECYCLE.advance(deployment, "go_live", live_at=timezone.now())
    environment.refresh_from_db()
    audit.record(
        actor=deployment.requested_by,
        action="deployment.live",
        target=deployment,
        before={"version": onto.number if onto else None},
        after={"version": deployment.number, "commit": deployment.commit},
    )
    return deployment


@runs.on_retry("environment.deploy")
def deployments_again(run: Run, again: Run) -> None:
    """What a run did not make live waits for the next one."""
    failed = Deployment.objects.filter(run=run, status=DeploymentStatus.FAILED)
    for deployment in failed.select_related("environment__live"):
        live = deployment.environment.live
        if live is None or live.number < deployment.number:
            LIFECYCLE.advance(deployment, "plan_again", run=again, error_code="", error_params={})


@runs.on_failure("environment.deploy")
def deployments_failed(run: Run) -> None:
    """What a run was to build fails with it: when it is cancelled, or has lost its workers."""
    unfinished, _target = LIFECYCLE.edge("fail")
    Deployment.objects.filter(run=run, status__in=unfinished).update(
        status=DeploymentStatus.FAILED, error_code=run.error_code, error_params=run.error_params
    )
