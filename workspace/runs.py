"""Background work: ask for a run, carry it out once, take over from a worker that died.

The run row is the truth and the broker only a doorbell. A worker claims the row (lease and fencing token),
keeps the lease alive from a thread of its own, and writes only while the token is still its own.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError as BrokerError
from kombu.pools import producers

from bisync.lib import crash, trace
from bisync.lib.errors import BisyncError
from bisync.lib.states import Lifecycle
from governance import audit
from governance.models import Project, User
from workspace import leases
from workspace.models import Run, RunCommand, RunStatus
from workspace.recording import DATABASE_AWAY, recording

logger = logging.getLogger(__name__)

# Without a retry policy of its own the transport tries for six seconds; a click must not wait for that.
_PATIENCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}

# A broker may also accept and never answer. Workers wait longer for it: they have nothing else to do.
_HURRY = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3}

RING_AGAIN = timedelta(seconds=30)

# Of these kinds a project's runs take turns: they push to one branch, and would only be in each other's way.
IN_TURN = frozenset({"proposal.publish"})

LIFECYCLE = Lifecycle(
    {
        "succeed": ({RunStatus.RUNNING}, RunStatus.SUCCEEDED),
        "fail": ({RunStatus.RUNNING}, RunStatus.FAILED),
        "cancel": ({RunStatus.QUEUED, RunStatus.RUNNING}, RunStatus.CANCELLED),
    }
)


class LeaseLost(BisyncError):
    code = "lease-lost"
    message = _("Another worker has taken this run over.")
    http_status = 409


class WorkerLost(BisyncError):
    code = "worker-lost"
    message = _(
        "The worker was lost %(attempts)s times while doing this. Look at the output below, then try again."
    )


class Unexpected(BisyncError):
    code = "unexpected"
    message = _("Something unexpected went wrong inside Bisync. The log has the details under run %(run)s.")


class Cancelled(BisyncError):
    code = "cancelled"
    message = _("This was cancelled.")


class Work:
    """A claimed run, in the hands of the worker that carries it out."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.project: Project = run.project
        self.params: dict[str, Any] = run.params
        self.lost = threading.Event()
        self.cancelled = threading.Event()
        self._mine = Run.objects.filter(pk=run.pk, token=run.token, status=RunStatus.RUNNING)
        self._notes: dict[str, object] = {}
        self._notes_guard = threading.Lock()

    @property
    def intent(self) -> dict[str, Any]:
        """What an earlier attempt, or this one, decided to do before doing it."""
        return dict(self.run.intent)

    def save_intent(self, **values: object) -> None:
        """Keep a decision before it is carried out, so that another attempt asks instead of repeating."""
        self.run.intent = {**self.run.intent, **values}
        self._write(intent=self.run.intent)

    def progress(self, **values: object) -> None:
        """Tell the run's page how far the work is, for example `step`, `done`, `total`."""
        self.run.progress = {**self.run.progress, **values}
        self._write(progress=self.run.progress)

    def note(self, **values: object) -> None:
        """Progress from another thread (a command's reader); shown with the next heartbeat."""
        with self._notes_guard:
            self._notes.update(values)

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """A transaction that only commits while this worker still owns the run."""
        with audit.atomic():
            # With the lease: on SQLite nobody can extend it while the transaction lasts.
            self._write(**leases.renewed())
            yield

    def _write(self, **values: object) -> None:
        if not self._mine.update(**values):
            self.lost.set()
            raise LeaseLost

    def show_notes(self) -> None:
        """Write what `note` was told since the last time."""
        with self._notes_guard:
            notes, self._notes = self._notes, {}
        if notes:
            self.run.progress = {**self.run.progress, **notes}
            self._mine.update(progress=self.run.progress)

    def beat(self) -> None:
        """Extend the lease, and learn whether the run was cancelled or lost."""
        kept = self._mine.update(**leases.renewed())
        if not kept:
            self.lost.set()
        elif self._mine.filter(cancel_requested=True).exists():
            self.cancelled.set()


Handler = Callable[[Work], Mapping[str, object] | None]
HANDLERS: dict[str, Handler] = {}


def handles(kind: str) -> Callable[[Handler], Handler]:
    """Register what carries out runs of one kind. Handlers live in the `jobs` module of their app."""

    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register


Aftermath = Callable[[Run], None]
_ON_FAILURE: dict[str, Aftermath] = {}


def on_failure(kind: str) -> Callable[[Aftermath], Aftermath]:
    """Register what tidies up after runs of one kind that failed, were cancelled, or lost their workers.

    It is called in the transaction that closes the run. It lives in the `actions` module of its app: a page
    may cancel a run that waits, and knows no handlers.
    """

    def register(aftermath: Aftermath) -> Aftermath:
        _ON_FAILURE[kind] = aftermath
        return aftermath

    return register


Repetition = Callable[[Run, Run], None]
_ON_RETRY: dict[str, Repetition] = {}


def on_retry(kind: str) -> Callable[[Repetition], Repetition]:
    """Register what hands the work of a run that failed, or was cancelled, to the one that repeats it.

    It is called with both, in the transaction that asks for the second, and may refuse with a `BisyncError`.
    """

    def register(repetition: Repetition) -> Repetition:
        _ON_RETRY[kind] = repetition
        return repetition

    return register


def load_handlers() -> None:
    """Import every app's `jobs`; only whoever works needs them, and MetricFlow comes with them."""
    autodiscover_modules("jobs")


def ring(run_id: int, kind: str) -> None:
    """Tell the workers that there is something to do. A broker that is away only costs time."""
    queue = Run(kind=kind).queue.value
    try:
        with producers[current_app.connection(transport_options=_HURRY)].acquire(block=True) as producer:
            current_app.send_task(
                "workspace.execute_run",
                args=[run_id],
                queue=queue,
                producer=producer,
                retry=True,
                retry_policy=_PATIENCE,
            )
    except (BrokerError, OSError):
        Run.objects.filter(pk=run_id).update(rung_at=None)
        logger.warning("broker away, the sweeper will ring again", extra={"run": run_id})


def request(
    *,
    kind: str,
    project: Project,
    subject: str = "",
    params: Mapping[str, object] | None = None,
    requested_by: User | None = None,
) -> Run:
    """Ask for a run. An identical one that still waits is returned instead."""
    while True:
        try:
            with transaction.atomic():
                run, created = Run.objects.get_or_create(
                    project=project,
                    kind=kind,
                    subject=subject,
                    status=RunStatus.QUEUED,
                    defaults={"params": dict(params or {}), "requested_by": requested_by},
                )
        except IntegrityError:
            continue  # the run we lost to was claimed before we could read it: there is room again
        if created:
            _ring_later(run)
        return run


def repeat(run: Run, *, requested_by: User) -> Run:
    """Ask again for what a run did not achieve. Call it in a transaction."""
    again = request(
        kind=run.kind,
        project=run.project,
        subject=run.subject,
        params=run.params,
        requested_by=requested_by,
    )
    if run.kind in _ON_RETRY:
        _ON_RETRY[run.kind](run, again)
    return again


def _ring_later(run: Run) -> None:
    """Ring once the run is committed. Whatever goes wrong then, the click was accepted."""
    transaction.on_commit(lambda: ring(run.pk, run.kind), robust=True)


def cancel(run: Run) -> Run:
    """Stop a run: at once where it still waits, else by telling its worker."""
    same = Run.objects.filter(pk=run.pk)
    if not _close(same.filter(status=RunStatus.QUEUED), RunStatus.CANCELLED, error_code=Cancelled.code):
        same.filter(status=RunStatus.RUNNING).update(cancel_requested=True)
    run.refresh_from_db()
    return run


def execute(run_id: int) -> None:
    """Carry out a run. Redelivered, or already in other hands, there is nothing to claim: it returns."""
    load_handlers()
    run = _claim(run_id)
    if run is None:
        return
    work = Work(run)
    token = trace.current.set(f"run-{run.pk}")
    phase = crash.phase.set(run.kind)
    try:
        with recording(work):
            result = HANDLERS[run.kind](work)
        crash.point("done")
        _end(work, "succeed", result=dict(result or {}))
    except LeaseLost:
        logger.warning("lease lost", extra={"run": run.pk})
    except (SystemExit, KeyboardInterrupt):
        _hand_back(work)
        raise
    except DATABASE_AWAY:
        logger.warning("database away", extra={"run": run.pk}, exc_info=True)
        _hand_back(work)
    except BisyncError as exc:
        if work.cancelled.is_set():
            _end(work, "cancel", error_code=Cancelled.code)
        else:
            _fail(work, exc)
    except Exception as exc:
        if _fail(work, exc):
            raise  # a bug: let the worker's log have it
    finally:
        crash.phase.reset(phase)
        trace.current.reset(token)


def _claim(run_id: int) -> Run | None:
    if not room_left():
        logger.error("the disk is full, so nothing is begun", extra={"run": run_id})
        return None
    candidate = Run.objects.filter(pk=run_id)
    _give_up(candidate.filter(leases.lapsed()))
    token = secrets.token_hex(16)
    try:
        with transaction.atomic():
            won = (
                candidate.filter(Q(status=RunStatus.QUEUED) | leases.lapsed())
                .takeable()
                .filter(~Q(kind__in=IN_TURN) | ~Exists(_at_work_beside()))
                .update(
                    status=RunStatus.RUNNING,
                    token=token,
                    attempt=F("attempt") + 1,
                    claimed_at=timezone.now(),
                    **leases.renewed(),
                )
            )
            if won:
                _killed_commands(run_id)
    except IntegrityError:
        return None  # its predecessor is still at work, and rings when it has ended
    return Run.objects.select_related("project").get(pk=run_id, token=token) if won else None


def _at_work_beside() -> QuerySet[Run]:
    """For a query of runs: others of the same project and kind whose workers report."""
    same = Run.objects.filter(project=OuterRef("project"), kind=OuterRef("kind"), status=RunStatus.RUNNING)
    return same.exclude(leases.lapsed()).exclude(pk=OuterRef("pk"))


def _give_up(lapsed: QuerySet[Run]) -> None:
    """Close a run that nobody should take over: it was cancelled, or has lost too many workers."""
    _close(lapsed.filter(cancel_requested=True), RunStatus.CANCELLED, error_code=Cancelled.code)
    _close(
        lapsed.filter(attempt__gte=settings.RUN_ATTEMPTS),
        RunStatus.FAILED,
        error_code=WorkerLost.code,
        error_params={"attempts": settings.RUN_ATTEMPTS},
    )


def _hand_back(work: Work) -> None:
    """Let the next worker begin at once; where the database does not hear of it, when the lease lapses."""
    connection.close_if_unusable_or_obsolete()
    with suppress(*DATABASE_AWAY):
        if work._mine.update(lease_until=timezone.now(), rung_at=None):
            logger.info("handed back", extra={"run": work.run.pk})


def _end(work: Work, event: str, **also: object) -> None:
    """Close the run, unless it belongs to somebody else by now."""
    _sources, target = LIFECYCLE.edge(event)
    _close(work._mine, target, **also)


def _close(guarded: QuerySet[Run], status: str, **also: object) -> bool:
    """Close the one run that `guarded` finds, if it still does, and have its app tidy up after a failure."""
    with audit.atomic():
        run = guarded.first()
        if run is None or not guarded.update(
            status=status, finished_at=timezone.now(), lease_until=None, **also
        ):
            return False
        _killed_commands(run.pk)
        run.refresh_from_db()
        if status == RunStatus.FAILED:
            after = {"kind": run.kind, "error": run.error_code}
            audit.record(actor=None, action="run.failed", target=run, after=after)
        if status != RunStatus.SUCCEEDED and run.kind in _ON_FAILURE:
            _ON_FAILURE[run.kind](run)
        for following in _behind(run).order_by("id")[:1]:
            _ring_later(following)
    return True


def _behind(run: Run) -> QuerySet[Run]:
    """Runs that could not be claimed while this one was at work, whose bells were rung in vain."""
    waiting = Run.objects.filter(project=run.project_id, kind=run.kind, status=RunStatus.QUEUED)
    return waiting if run.kind in IN_TURN else waiting.filter(subject=run.subject)


def _killed_commands(run_id: int) -> None:
    """Commands die with their worker; nobody was left to say so."""
    RunCommand.objects.filter(run_id=run_id, finished_at=None).update(
        finished_at=timezone.now(), exit_code=-signal.SIGKILL
    )


def room_left() -> bool:
    """Whether the disk has space enough to begin anything."""
    try:
        return shutil.disk_usage(settings.DATA_DIR).free >= settings.DISK_RESERVE_BYTES
    except OSError:
        return True  # whatever is wrong there, space is not known to be


def _fail(work: Work, exc: Exception) -> bool:
    """Close the run with its failure; False where it was given back instead."""
    if not room_left():
        # Whatever it says, this is why: somebody takes it up when there is space again.
        logger.error("the disk is full, so this waits", extra={"run": work.run.pk}, exc_info=exc)
        work._mine.update(lease_until=timezone.now() - timedelta(days=1), attempt=F("attempt") - 1)
        return False
    code, params = told(exc, work.run)
    _end(work, "fail", error_code=code, error_params=params)
    return True


def told(exc: Exception, run: Run) -> tuple[str, dict[str, Any]]:
    """A failure's code and parameters as rows keep them; a bug is told by the run in whose log it is."""
    if isinstance(exc, BisyncError):
        return exc.code, _plain(exc.params)
    return Unexpected.code, {"run": run.pk}


def _plain(params: Mapping[str, object]) -> dict[str, Any]:
    """Error parameters as JSON holds them."""
    kept = (str, int, float, bool, type(None))
    return {name: value if isinstance(value, kept) else str(value) for name, value in params.items()}


def due() -> QuerySet[Run]:
    """Runs that wait, and those whose worker stopped reporting, oldest first."""
    return Run.objects.filter(Q(status=RunStatus.QUEUED) | leases.lapsed()).order_by("id")


def sweep() -> int:
    """Ring for runs that wait, and for those whose worker stopped reporting; returns how many.

    Each is rung for at most every half minute: the queue must not fill up while all workers are busy.
    """
    now = timezone.now()
    # What seems to come from the future was written before the clock was set back.
    new = Q(created_at__range=(now - timedelta(seconds=2), now))
    rung = Q(rung_at__range=(now - RING_AGAIN, now))
    waiting = Q(status=RunStatus.QUEUED) & ~new
    found = Run.objects.filter(waiting | leases.lapsed()).exclude(rung).takeable().order_by("id")
    due = dict(found.values_list("pk", "kind")[:100])
    Run.objects.filter(pk__in=due).update(rung_at=now)
    for run_id, kind in due.items():
        ring(run_id, kind)
    return len(due)
