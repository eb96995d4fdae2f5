"""How work is done: repositories, warehouses, runs."""

from workspace.models.artifacts import Artifact
from workspace.models.hooks import Delivery, Forge, Outcome
from workspace.models.repository import Connection, Hold, HoldState, Repository
from workspace.models.runs import Drain, Queue, Run, RunCommand, RunStatus
from workspace.models.strategies import Frequency, Strategy, SyncSettings, Winner
from workspace.models.timetables import Every, PullSchedule, Timetable, Weekday

__all__ = [
    "Artifact",
    "Connection",
    "Delivery",
    "Drain",
    "Every",
    "Forge",
    "Frequency",
    "Hold",
    "HoldState",
    "Outcome",
    "PullSchedule",
    "Queue",
    "Repository",
    "Run",
    "RunCommand",
    "RunStatus",
    "Strategy",
    "SyncSettings",
    "Timetable",
    "Weekday",
    "Winner",
]
