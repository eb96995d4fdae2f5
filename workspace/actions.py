"""Connect a repository and a warehouse; cancel and retry runs; drain and resume their queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput, NotAllowed, TooLateToUndo
from governance import audit, permissions
from governance.models import Project, User
from governance.permissions import Decision
from workspace import runs
from workspace.dbt.versions import require_allowed
from workspace.git import ssh
from workspace.git.urls import check_branch, check_url, same_server
from workspace.models import Connection, Drain, Queue, Repository, Run, RunStatus
from workspace.warehouse.base import WarehouseNotAllowed, require_host

_REPOSITORY_SHOWN = ("url", "branch", "folder", "username", "dbt_target", "dbt_executable")
_CONNECTION_SHOWN = ("name", "adapter", "host", "port", "database", "user")
SECRETS = frozenset({"password"})
_WITH_PASSWORD = frozenset({"https", "http"})
# Whoever may start a kind of run may also stop and repeat it.
MAY = {
    "repository.test": "repository.configure",
    "repository.find": "repository.configure",
    "repository.parse": "repository.configure",
    "connection.test": "environment.configure",
    "pull": "project.pull",
    "catalog.lineage": "project.pull",
    "catalog.index": "project.pull",
    "environment.deploy": "environment.deploy",
    "environment.freshness": "project.pull",
    "proposal.check": "proposal.create",
    "proposal.publish": "proposal.publish",
}


class NotFinished(BisyncError):
    code = "run-not-finished"
    message = _("This run is still going on. Cancel it first, or wait for its end.")
    http_status = 409


class NothingToRepeat(BisyncError):
    code = "run-succeeded"
    message = _("There is nothing to repeat: %(run)s has succeeded.")
    http_status = 409


class FinishedAlready(BisyncError):
    code = "run-finished-already"
    message = _("There is nothing to stop: %(run)s has ended.")
    http_status = 409


class HostKeyMoved(BisyncError):
    code = "git-host-key-moved"
    message = _("The git server was asked again meanwhile. Compare the fingerprint that is shown now.")
    http_status = 409


class QueueDrained(BisyncError):
    code = "queue-drained"
    message = _("This queue is drained already, by %(who)s: %(reason)s")
    http_status = 409


@audit.atomic()
def repository_connect(*, project: Project, values: Mapping[str, object], actor: User) -> Repository:
    """Create or change where the project's dbt code comes from; for one over SSH a key pair is made.

    An empty password keeps the stored one. Raises `InvalidInput` with sentences beside the fields.
    """
    permissions.require(actor, "repository.configure", project)
    # Locked: what a worker writes meanwhile, such as the commit that was pulled, must not be written back.
    known = Repository.objects.select_for_update(no_key=True).filter(project=project).first()
    repository = known or Repository(project=project)
    if "folder" in values:
        values = {**values, "folder": str(values["folder"]).strip().strip("/")}
    before = _assign(repository, values, _REPOSITORY_SHOWN)
    problems = _repository_problems(repository)
    if "url" not in problems:
        _change_server(repository, str(before.get("url", "")), values, problems)
    if any(getattr(repository, name) != value for name, value in before.items()):
        repository.synced_commit = ""  # what was pulled was read in another way
    _save(repository, problems)
    _note(repository, "repository", before, _REPOSITORY_SHOWN, actor)
    return repository


def _change_server(
    repository: Repository, before: str, values: Mapping[str, object], problems: dict[str, list[str]]
) -> None:
    """What was agreed with a server, or is secret between it and us, is not another's."""
    transport = check_url(repository.url)
    if before and not same_server(before, repository.url):
        repository.ssh_host_key = ""
        repository.hook_secret = ""
        if transport in _WITH_PASSWORD:
            _require_typed(repository, values, problems)
        else:
            repository.password = ""
    if transport == "ssh" and not repository.ssh_public_key:
        repository.ssh_key, repository.ssh_public_key = ssh.new_key()


def _repository_problems(repository: Repository) -> dict[str, list[str]]:
    """What git or dbt would misread, or should not be asked for; each is judged again when it is used."""
    problems: dict[str, list[str]] = {}
    checks: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("url", check_url),
        ("branch", check_branch),
        ("dbt_executable", require_allowed),
    )
    for name, check in checks:
        try:
            check(getattr(repository, name))
        except BisyncError as exc:
            problems[name] = [str(exc)]
    folder = repository.folder
    if folder.startswith("-") or any(part in {"..", ".git", ""} for part in folder.split("/") if folder):
        problems["folder"] = [str(_("Name a folder inside the repository, such as transform/dbt."))]
    return problems


@audit.atomic()
def repository_test(*, project: Project, actor: User) -> Run:
    """Ask for a look at the remote: over SSH first at who answers there, then at its branches."""
    return _request("repository.test", project, actor)


@audit.atomic()
def branch_choose(*, project: Project, branch: str, actor: User) -> Run:
    """Work on this branch from now on, and ask where on it dbt projects lie."""
    repository_connect(project=project, values={"branch": branch}, actor=actor)
    return _request("repository.find", project, actor)


@audit.atomic()
def folder_choose(*, project: Project, folder: str, actor: User) -> Run:
    """Read the dbt project in this folder from now on, and ask whether dbt can."""
    repository_connect(project=project, values={"folder": folder}, actor=actor)
    return _request("repository.parse", project, actor)


@audit.atomic()
def connection_test(*, connection: Connection, actor: User) -> Run:
    """Ask whether versions can be built in this warehouse."""
    return _request("connection.test", connection.project, actor, connection=connection.pk)


def _request(kind: str, project: Project, actor: User, **params: object) -> Run:
    permissions.require(actor, MAY[kind], project)
    run = runs.request(kind=kind, project=project, params=params, requested_by=actor)
    audit.record(actor=actor, action="run.requested", target=run)
    return run


@audit.atomic()
def host_key_agree(*, project: Project, fingerprint: str, actor: User) -> Run:
    """Agree to the host key that the last test found, by the fingerprint that was compared; test again.

    Raises `HostKeyMoved` where another key, or none, was found since.
    """
    permissions.require(actor, "repository.configure", project)
    repository = Repository.objects.select_for_update(no_key=True).get(project=project)
    last = Run.objects.filter(project=project, kind="repository.test").order_by("-id").first()
    found = last.result if last is not None and last.result.get("url") == repository.url else {}
    if not found.get("host_key") or found["fingerprint"] != fingerprint:
        raise HostKeyMoved
    Repository.objects.filter(pk=repository.pk).update(ssh_host_key=found["host_key"])
    audit.record(
        actor=actor,
        action="repository.host_key_agreed",
        target=repository,
        after={"url": repository.url, "fingerprint": fingerprint},
    )
    return repository_test(project=project, actor=actor)


@audit.atomic()
def host_key_forget(*, project: Project, actor: User) -> Run:
    """Take back what was agreed, and look again at who answers there."""
    permissions.require(actor, "repository.configure", project)
    repository = Repository.objects.select_for_update(no_key=True).get(project=project)
    if repository.ssh_host_key:
        before = {"url": repository.url, "fingerprint": ssh.fingerprint(repository.ssh_host_key)}
        Repository.objects.filter(pk=repository.pk).update(ssh_host_key="")
        audit.record(actor=actor, action="repository.host_key_forgotten", target=repository, before=before)
    return repository_test(project=project, actor=actor)


@audit.atomic()
def ssh_key_renew(*, project: Project, actor: User) -> Repository:
    """A new key pair in place of the repository's; the server has to learn it before anything goes on."""
    permissions.require(actor, "repository.configure", project)
    repository = Repository.objects.select_for_update(no_key=True).get(project=project)
    before = {"key": repository.ssh_public_key}
    repository.ssh_key, repository.ssh_public_key = ssh.new_key()
    repository.save(update_fields=["ssh_key", "ssh_public_key"])
    after = {"key": repository.ssh_public_key}
    audit.record(actor=actor, action="repository.key_renewed", target=repository, before=before, after=after)
    return repository


@audit.atomic()
def connection_save(
    *, project: Project, values: Mapping[str, object], actor: User, connection: Connection | None = None
) -> Connection:
    """Create or change a warehouse. An empty password keeps the stored one."""
    permissions.require(actor, "environment.configure", project)
    connection = connection or Connection(project=project)
    before = _assign(connection, values, _CONNECTION_SHOWN)
    problems: dict[str, list[str]] = {}
    if connection.adapter == Connection.Adapter.POSTGRES:
        for name in ("host", "database", "user"):
            if not getattr(connection, name):
                problems[name] = [str(_("PostgreSQL needs this."))]
        try:
            require_host(connection.host, look_up=False)
        except WarehouseNotAllowed as exc:
            problems["host"] = [str(exc)]
    if before and (before["host"], before["port"]) != (connection.host, connection.port):
        _require_typed(connection, values, problems)
    _save(connection, problems)
    _note(connection, "connection", before, _CONNECTION_SHOWN, actor)
    return connection


def _assign(record: models.Model, values: Mapping[str, object], shown: tuple[str, ...]) -> dict[str, object]:
    before = {name: getattr(record, name) for name in shown} if record.pk else {}
    for name, value in values.items():
        if name in SECRETS and not value:
            continue
        setattr(record, name, value.strip() if isinstance(value, str) and name not in SECRETS else value)
    return before


def _require_typed(
    record: models.Model, values: Mapping[str, object], problems: dict[str, list[str]]
) -> None:
    """A stored password stays where it was meant to go: whoever moves the address types it again."""
    stored = type(record)._default_manager.filter(pk=record.pk).exclude(password="")
    if not values.get("password") and stored.exists():
        problems["password"] = [str(_("The address is another server's. Type the password or token again."))]


def _save(record: models.Model, problems: dict[str, list[str]]) -> None:
    try:
        # A stored secret is not loaded unless it is replaced, so it is not judged either.
        unknown = {*problems, *record.get_deferred_fields()}
        record.full_clean(exclude=unknown, validate_constraints=not problems)
    except ValidationError as exc:
        problems.update({name: list(texts) for name, texts in exc.message_dict.items()})
    if problems:
        raise InvalidInput(problems)
    record.save()


def _note(
    record: models.Model, noun: str, before: dict[str, object], shown: tuple[str, ...], actor: User
) -> None:
    after = {name: getattr(record, name) for name in shown}
    action = f"{noun}.changed" if before else f"{noun}.connected"
    audit.record(actor=actor, action=action, target=record, before=before, after=after)


@audit.atomic()
def pull_request(*, project: Project, actor: User) -> Run:
    """Ask for a pull; one that waits already is the answer."""
    permissions.require(actor, "project.pull", project)
    run = runs.request(kind="pull", project=project, requested_by=actor)
    audit.record(actor=actor, action="pull.requested", target=run)
    return run


@audit.atomic()
def lineage_request(*, project: Project, actor: User) -> Run:
    """Ask for column lineage now, however often it is worked out by itself."""
    return _request("catalog.lineage", project, actor)


def may_stop(actor: User, run: Run) -> Decision:
    """Whether `actor` may stop the run: whoever may start its like, and whoever runs the installation."""
    return permissions.operates(actor) or permissions.decide(actor, MAY[run.kind], run.project)


def may_repeat(actor: User, run: Run) -> Decision:
    """Whether `actor` may have it done again.

    What was lost with its workers also by whoever runs the installation: that is about machines. Anything
    else needs the right to start it, or publishing and deploying could be had without it.
    """
    if run.error_code == runs.WorkerLost.code and permissions.operates(actor):
        return permissions.ALLOWED
    return permissions.decide(actor, MAY[run.kind], run.project)


def _require(answer: Decision) -> None:
    if not answer:
        raise NotAllowed(reason=answer.reason)


@audit.atomic()
def run_cancel(*, run: Run, actor: User) -> Run:
    """Stop a run that waits or works."""
    _require(may_stop(actor, run))
    run = runs.cancel(run)
    if run.finished and run.status != RunStatus.CANCELLED:
        raise FinishedAlready(run=run.title)
    audit.record(actor=actor, action="run.cancelled", target=run)
    return run


@audit.atomic()
def run_retry(*, run: Run, actor: User) -> Run:
    """Ask again for what a run that failed, or was cancelled, was to do."""
    _require(may_repeat(actor, run))
    if not run.finished:
        raise NotFinished
    if run.status == RunStatus.SUCCEEDED:
        raise NothingToRepeat(run=run.title)
    again = runs.repeat(run, requested_by=actor)
    audit.record(actor=actor, action="run.retried", target=again, before={"run": run.pk})
    return again


@audit.atomic()
def queue_drain(*, queue: Queue, reason: str, actor: User) -> Drain:
    """Have workers take nothing more from a queue. Raises `QueueDrained` where that is so already."""
    permissions.require_operator(actor)
    reason = reason.strip()
    if not reason or len(reason) > 200:
        raise InvalidInput({"reason": [str(_("Say why, in up to 200 characters: people who wait read it."))]})
    drain, created = Drain.objects.get_or_create(
        queue=queue, ended_at=None, defaults={"reason": reason, "by": actor}
    )
    if not created:
        raise QueueDrained(who=str(drain.by), reason=drain.reason)
    audit.record(actor=actor, action="queue.drained", target=drain, after={"queue": queue, "reason": reason})
    return drain


@audit.atomic()
def queue_resume(*, queue: Queue, actor: User, undoing: int | None = None) -> Drain | None:
    """Have workers take up what waits in a queue, at once; returns the drain that this ended.

    Raises `TooLateToUndo` where that is not the one to undo.
    """
    permissions.require_operator(actor)
    drain = Drain.objects.select_for_update(no_key=True).filter(queue=queue, ended_at=None).first()
    if undoing is not None and (drain is None or drain.pk != undoing):
        raise TooLateToUndo
    if drain is None:
        return None
    Drain.objects.filter(pk=drain.pk).update(ended_at=timezone.now(), ended_by=actor)
    audit.record(actor=actor, action="queue.resumed", target=drain, before={"reason": drain.reason})
    transaction.on_commit(runs.sweep, robust=True)
    return drain


@audit.atomic()
def queue_drain_again(*, queue: Queue, undoing: int, actor: User) -> Drain:
    """Undo that a queue was resumed. Raises `TooLateToUndo` where it has been drained since."""
    permissions.require_operator(actor)
    last = Drain.objects.filter(queue=queue).order_by("-pk").first()
    if last is None or last.pk != undoing:
        raise TooLateToUndo
    return queue_drain(queue=queue, reason=last.reason, actor=actor)
