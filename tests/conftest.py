"""What every test may use: captured doorbells, a clean cache, people, a small shop with a git remote."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import caches

from governance.roles import Role
from tests import parses
from tests.factories import make_member, make_project
from tests.proposals.story import Story
from tests.ready import Ready
from workspace import runs

# A busy machine is no reason to fail.
hypothesis.settings.register_profile(
    "bisync",
    hypothesis.settings.default,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("bisync")
DATABASE_FIXTURES = frozenset(
    {"db", "transactional_db", "django_db_setup", "client", "admin_client", "live_server"}
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that touch no database need not run on two of them; long ones begin first, so that none is last."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if not item.get_closest_marker("django_db") and not names & DATABASE_FIXTURES:
            item.add_marker(pytest.mark.pure)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all workers of this session, and of both passes of `bin/test`."""
    given = os.environ.get("BISYNC_TEST_SHARED")
    base = tmp_path_factory.getbasetemp()
    return Path(given) if given else base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def ready(shared: Path) -> Ready:
    """The tiny shop, built once for everybody."""
    return Ready.once(shared / "ready")


@pytest.fixture
def parsed_once(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """dbt parses each content once for everybody."""
    parses.remember(monkeypatch, shared / "parsed")


@pytest.fixture
def story(ready: Ready, parsed_once: None, tmp_path: Path, data_dir: Path) -> Story:
    """Pulled and live in production, as `Story.begin` leaves it, without a build of its own."""
    origin = ready.origin(tmp_path / "git")
    project = make_project(url=origin.url)
    return Story(
        origin=origin,
        project=project,
        production=ready.connected(project),
        maya=make_member(project, Role.CONTRIBUTOR, name="Maya Chen"),
        tom=make_member(project, Role.REVIEWER, name="Tom Okafor"),
        priya=make_member(project, Role.PUBLISHER, name="Priya Nair"),
    )


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the runs for which workers were rung; no broker hears of them."""
    rung: list[int] = []
    monkeypatch.setattr(runs, "ring", lambda run_id, _kind: rung.append(run_id))
    return rung


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    yield
    for name in settings.CACHES:
        caches[name].clear()


@pytest.fixture
def data_dir(tmp_path: Path, settings: object) -> Path:
    """A data directory of the test's own."""
    folder = tmp_path / "data"
    folder.mkdir()
    settings.DATA_DIR = folder  # type: ignore[attr-defined]
    return folder


def pytest_sessionfinish() -> None:
    shutil.rmtree(settings.DATA_DIR, ignore_errors=True)
