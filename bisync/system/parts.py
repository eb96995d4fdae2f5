"""How everything stands, for whoever runs the installation: what /health/ready tells, and more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F, OuterRef, Subquery, TextField
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from bisync import env, health
from bisync.health import Part
from bisync.lib.secrets import EncryptedTextField, SecretUnreadable, unsealed
from governance import history
from governance.models import AuditEvent, Project
from workspace import selectors
from workspace.models import Run, RunStatus

# Where a run fails with one of these, the other side was not reached.
REPOSITORY_AWAY = frozenset({"git-unreachable", "git-access-denied", "git-no-repository", "git-untrusted"})
WAREHOUSE_AWAY = frozenset({"warehouse-unreachable", "warehouse-access-denied"})
BACKUP_EVERY = timedelta(days=7)
# The chain is verified every ten minutes; after so long without it somebody has to look.
CHAIN_UNWATCHED = timedelta(hours=1)
# Of one kind no more are told one by one.
MOST = 5


def every_part() -> list[Part]:
    """Every part as it is now, those that need attention first. Raises nothing."""
    found = health.parts()
    if health.ready(found):
        try:
            found += [*_set_aside(), *_reached(), _chain(), _backup(), *_keys(), _address()]
        except DatabaseError:
            found = health.parts()
    return sorted(found, key=lambda part: part.ok)


def at_a_glance() -> list[Part]:
    """What /health/ready tells, and whether the audit log is as it was written. Raises nothing."""
    found = health.parts()
    try:
        return [*found, _chain()] if health.ready(found) else found
    except DatabaseError:
        return health.parts()


def _set_aside() -> Iterator[Part]:
    if runs := selectors.set_aside():
        yield Part(
            _("Runs that were set aside"),
            ok=False,
            message=_("%(count)s lost too many workers and are not tried any more.") % {"count": len(runs)},
            remedy=_("Read the end of their output, then try them again."),
            since=min(run.finished_at for run in runs if run.finished_at),
            url=reverse("system-queues"),
        )


def _reached() -> Iterator[Part]:
    """What the last runs learnt about repositories and warehouses. Nothing is called to find out."""
    ended = Run.objects.filter(
        project=OuterRef("pk"), status__in=[RunStatus.SUCCEEDED, RunStatus.FAILED]
    ).order_by("-id")
    last = Project.objects.annotate(
        pull=Subquery(ended.filter(kind="pull").values("pk")[:1]),
        build=Subquery(ended.filter(kind="environment.deploy").values("pk")[:1]),
    ).values_list("pull", "build")
    known = [run for pair in last for run in pair if run]
    runs = list(Run.objects.filter(pk__in=known).select_related("project").order_by("project__name"))
    pulls = [run for run in runs if run.kind == "pull"]
    builds = [run for run in runs if run.kind != "pull"]
    remedy = _("Mend it there, or in the project's repository settings; then pull.")
    yield from _answers(_("Repositories"), pulls, REPOSITORY_AWAY, remedy)
    remedy = _("Mend it there, or in the project's warehouse; then deploy again.")
    yield from _answers(_("Warehouses"), builds, WAREHOUSE_AWAY, remedy)


def _answers(name: str, runs: list[Run], away: frozenset[str], remedy: str) -> Iterator[Part]:
    failed = [run for run in runs if run.error_code in away]
    for run in failed[:MOST]:
        yield Part(
            _("%(what)s: %(project)s") % {"what": name, "project": run.project.name},
            ok=False,
            message=run.error,
            remedy=remedy,
            since=run.finished_at,
            url=run.get_absolute_url(),
        )
    if not failed or len(failed) > MOST:
        words = _("%(good)s of %(all)s answered when they were last needed.")
        message = (
            words % {"good": len(runs) - len(failed), "all": len(runs)} if runs else _("None needed yet.")
        )
        yield Part(name, ok=not failed, message=message, remedy=remedy if failed else "", untried=not runs)


def _chain() -> Part:
    name, url, told = _("Audit log"), reverse("system-audit"), history.chain()
    if told.broken:
        return Part(
            name,
            ok=False,
            message=_("The chain breaks at #%(event)s.") % {"event": told.broken[0]},
            remedy=_("Somebody changed rows beside Bisync, or BISYNC_SECRET_KEY. Compare with a backup."),
            url=url,
        )
    check, now = told.check, timezone.now()
    if check is None:
        good = not AuditEvent.objects.filter(at__lt=now - CHAIN_UNWATCHED).exists()
        message = _("Not verified yet; that happens every ten minutes.")
    else:
        good = abs(now - check.at) < CHAIN_UNWATCHED
        words = _("Verified up to #%(upto)s of #%(newest)s.")
        message = words % {"upto": check.upto, "newest": told.newest}
    remedy = _("Nothing verifies it: see that the scheduler and a worker run, and read their logs.")
    return Part(
        name,
        ok=good,
        message=message,
        remedy="" if good else remedy,
        since=check.at if check else None,
        url=url,
        untried=check is None,
    )


def _backup() -> Part:
    name = _("Backup")
    last = AuditEvent.objects.filter(action="backup.made").order_by("-id").first()
    remedy = _("Have “manage.py backup FILE” run by a timer, and keep the file on another machine.")
    if last is None:
        # Whoever tries Bisync alone on their own machine has no need of one yet.
        alone = settings.LOCAL and connection.vendor == "sqlite"
        words = _("None was made by “manage.py backup” yet.")
        return Part(name, ok=alone, message=words, remedy="" if alone else remedy, untried=True)
    good = last.at > timezone.now() - BACKUP_EVERY
    message = _("The last one is %(file)s.") % {"file": last.after.get("file", "")}
    return Part(name, ok=good, message=message, remedy="" if good else remedy, since=last.at)


def _keys() -> Iterator[Part]:
    """Whether every stored secret opens, and with which key: the newest encrypts, the others only open."""
    opened = Counter(_opens(token) for token in _tokens())
    keys, total = len(settings.BISYNC_SECRET_KEYS), sum(opened.values())
    words = _("Stored secrets: %(total)s. Keys in force: %(keys)s. Secrets that need an older one: %(old)s.")
    message = words % {"total": total, "keys": keys, "old": opened["old"]}
    if opened["none"]:
        message = _("No key in force opens %(count)s of %(total)s stored secrets.") % {
            "count": opened["none"],
            "total": total,
        }
    remedy = _("Put the old key behind the new one in BISYNC_ENCRYPTION_KEYS, or type the passwords again.")
    yield Part(
        _("Encryption keys"),
        ok=not opened["none"],
        message=message,
        remedy=remedy if opened["none"] else "",
        url=reverse("system-settings"),
    )
    own = env.READ["BISYNC_SECRET_KEY"].source == env.DEFAULT
    shared = connection.vendor == "postgresql"
    yield Part(
        _("Secret key"),
        ok=not (own and shared),
        message=_("Made by this machine and kept in its data directory.")
        if own
        else _("Set by an operator."),
        remedy=_("Set BISYNC_SECRET_KEY: other machines that share this database would make their own.")
        if own and shared
        else "",
        url=reverse("system-settings"),
    )


def _tokens() -> Iterator[str]:
    """Every stored secret as the database holds it; each table is read once."""
    for model in apps.get_models():
        fields = [field.name for field in model._meta.local_fields if isinstance(field, EncryptedTextField)]
        if fields:
            stored = {f"token_{name}": Cast(F(name), TextField()) for name in fields}
            for row in model._base_manager.order_by().annotate(**stored).values_list(*stored):
                yield from filter(None, row)


def _opens(token: str) -> str:
    newest, *older = settings.BISYNC_SECRET_KEYS
    for which, keys in (("newest", [newest]), ("old", older)):
        try:
            if keys:
                unsealed(token, keys)
                return which
        except SecretUnreadable:
            continue
    return "none"


def _address() -> Part:
    safe = settings.HTTPS or settings.LOCAL
    return Part(
        _("Address"),
        ok=safe,
        message=_("%(url)s, reached by HTTPS.") % {"url": settings.BISYNC_URL}
        if settings.HTTPS
        else _("%(url)s, without HTTPS.") % {"url": settings.BISYNC_URL},
        remedy="" if safe else _("Put a proxy with a certificate in front, and set BISYNC_URL to https://…"),
        url=reverse("system-settings"),
    )
