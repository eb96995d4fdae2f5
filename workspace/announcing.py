"""Pulls that a forge's webhook asks for: the secret that lets it, and each delivery once."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from bisync.lib.limits import Limit, TooMany
from bisync.lib.secrets import SecretUnreadable
from governance import audit, permissions
from governance.models import Project, User
from workspace import hooks, runs
from workspace.models import Repository, Run
from workspace.models.hooks import Delivery, Outcome

logger = logging.getLogger(__name__)
KEPT = timedelta(days=14)
# By address and hook: who has a forge call here with a wrong secret must not shut out that forge's others.
WRONG = Limit("hook", most=50, seconds=900)


class NoRepository(BisyncError):
    code = "no-repository"
    message = _("Connect a repository first.")
    http_status = 409


@audit.atomic()
def hook_renew(*, project: Project, actor: User) -> str:
    """A new secret for the repository's webhook, shown this once. The old one stops working at once."""
    repository = _locked(project, actor)
    secret = secrets.token_urlsafe(32)
    # The address stays the same, once there is one.
    repository.hook_key = repository.hook_key or secrets.token_hex(16)
    repository.hook_secret = secret
    repository.save(update_fields=["hook_key", "hook_secret"])
    audit.record(actor=actor, action="repository.hook_renewed", target=repository)
    return secret


@audit.atomic()
def hook_close(*, project: Project, actor: User) -> None:
    """Believe no webhook any more, until there is a new secret."""
    repository = _locked(project, actor)
    repository.hook_secret = ""
    repository.save(update_fields=["hook_secret"])
    audit.record(actor=actor, action="repository.hook_closed", target=repository)


def _locked(project: Project, actor: User) -> Repository:
    permissions.require(actor, "repository.configure", project)
    found = Repository.objects.select_for_update(no_key=True).filter(project=project).first()
    if found is None:
        raise NoRepository
    return found


def hook_is_open(repository: Repository) -> bool:
    """Whether there is a secret, which is not read for that."""
    return Repository.objects.filter(pk=repository.pk).exclude(hook_secret="").exists()


def receive(*, key: str, address: str, headers: Mapping[str, str], body: bytes) -> Delivery:
    """What came of a webhook, which is noted. The same one again is refused.

    Raises `HookRefused`, for an address that nobody has as for a wrong signature, `TooMany` after many wrong
    ones, and `HookUnreadable`.
    """
    who = f"{address} {key}"
    # Counted before it is looked at, as with passwords.
    if seconds := WRONG.spend(who):
        raise TooMany(seconds=seconds)
    repository = Repository.objects.select_related("project").filter(hook_key=key).first()
    proven = hooks.prove(headers, body, secret=_secret(repository), now=time.time())
    assert repository is not None  # "" is a secret that nobody knows
    WRONG.give_back(who)
    delivery = _deliver(repository, proven)
    if delivery.outcome == Outcome.UNREADABLE:
        raise hooks.HookUnreadable
    return delivery


def _secret(repository: Repository | None) -> str:
    try:
        return repository.hook_secret if repository is not None else ""
    except SecretUnreadable:
        logger.error("no key opens the webhook's secret", extra={"repository": repository and repository.pk})
        return ""


@audit.atomic()
def _deliver(repository: Repository, proven: hooks.Proven) -> Delivery:
    outcome = proven.outcome(repository.branch)
    delivery, new = Delivery.objects.get_or_create(
        repository=repository,
        digest=proven.digest,
        defaults={"forge": proven.forge, "outcome": outcome},
    )
    if not new:
        raise hooks.HookRepeated
    if outcome == Outcome.PULL:
        delivery.run = _pull(repository.project, proven)
        delivery.save(update_fields=["run"])
    return delivery


def _pull(project: Project, proven: hooks.Proven) -> Run:
    run = runs.request(kind="pull", project=project)
    audit.record(actor=None, action="pull.announced", target=run, after={"by": proven.forge.value})
    return run


def deliveries_forget() -> int:
    """Forget deliveries of two weeks ago; returns how many."""
    old = Delivery.objects.filter(at__lt=timezone.now() - KEPT)
    return old.delete()[0]
