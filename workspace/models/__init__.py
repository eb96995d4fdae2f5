"""How work is done: repositories, warehouses, runs."""

from workspace.models.artifacts import Artifact
from workspace.models.repository import Connection, Repository
from workspace.models.runs import Drain, Queue, Run, RunCommand, RunStatus

__all__ = ["Artifact", "Connection", "Drain", "Queue", "Repository", "Run", "RunCommand", "RunStatus"]
