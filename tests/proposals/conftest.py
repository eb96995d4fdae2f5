from __future__ import annotations

from pathlib import Path

import pytest

from governance.roles import Role
from tests.factories import make_member, make_project
from tests.proposals.story import Story
from tests.ready import Ready


@pytest.fixture
def story(ready: Ready, tmp_path: Path, data_dir: Path) -> Story:
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
