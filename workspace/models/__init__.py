"""How work is done: repositories, warehouses, runs."""

from workspace.models.artifacts import Artifact
from workspace.models.repository import Connection, Hold, HoldState, Repository
from workspace.models.runs import Drain, Queue, Run, RunCommand, RunStatus

__all__ = [
    "Artifact",
    "Connection",
    "Drain",
    "Hold",
    "HoldState",
    "Queue",
    "Repository",
    "Run",
    "RunCommand",
    "RunStatus",
]
