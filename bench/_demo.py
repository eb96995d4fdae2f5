"""The demo company in a data directory of the benchmarks' own, its runs carried out without a broker."""

from __future__ import annotations

import os
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / "var" / "bench"


def prepare() -> None:
    """Set Django up on the benchmarks' data directory; make the company there the first time."""
    os.environ["BISYNC_DATA_DIR"] = str(HOME)
    os.environ["DJANGO_SETTINGS_MODULE"] = "bisync.settings"
    os.environ.setdefault("BISYNC_LOG_LEVEL", "ERROR")
    HOME.mkdir(parents=True, exist_ok=True)

    import django

    django.setup()

    from django.core.management import call_command

    from bisync.demo import company
    from workspace import runs

    runs.ring = lambda _run_id, _kind: None  # nobody listens: the work is done below
    company._finished = lambda run, _meanwhile: runs.execute(run.pk)
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if not company.present():
        company.create(lambda _step: None)
    work_off()


def work_off() -> None:
    """Carry out everything that waits."""
    from workspace import runs
    from workspace.models import Run

    while run := Run.objects.filter(status="queued").order_by("id").first():
        runs.execute(run.pk)


def person(first_name: str):
    """Somebody of the demo company."""
    from governance.models import User

    return User.objects.get(name__startswith=first_name)
