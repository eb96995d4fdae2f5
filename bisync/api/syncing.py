"""How a project is kept in step, over the API: when it is pulled, which way metadata goes, its webhook."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.api import shapes
from bisync.api.base import InProject, deed, read
from bisync.api.drafts import Body
from bisync.lib.errors import InvalidInput
from governance import permissions
from governance.models import Project
from governance.models.tokens import Scope
from workspace import announcing, strategies, sync_file
from workspace.actions import lineage_request
from workspace.models import Every, PullSchedule, Repository
from workspace.models.strategies import CHOICES, KINDS
from workspace.schedules import pull_schedule_set
from workspace.sync_file import WEEKDAYS


def _kind(kind: str) -> type[Body]:
    """What can be chosen for one kind of metadata."""
    fields = {
        key: serializers.ChoiceField([choice.value for choice in offered], required=False)
        for key, offered in CHOICES[kind].items()
    }
    doc = {"__doc__": str(KINDS[kind][1])}
    return type(f"SyncOf{kind.title().replace('_', '')}", (Body,), {**doc, **fields})


class PullTimes(Body):
    """When the project is pulled by itself. `count` belongs to minutes and hours, `at` to day and week."""

    every = serializers.ChoiceField(["off", *Every.values])
    count = serializers.IntegerField(required=False, min_value=1, max_value=10_080)
    weekday = serializers.ChoiceField(WEEKDAYS, required=False)
    at = serializers.RegexField(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", required=False, help_text="In UTC.")


SyncMetadata = type(
    "SyncMetadata",
    (Body,),
    {
        "__doc__": "Which way each kind of metadata goes, how often, and who wins.",
        **{kind: _kind(kind)(required=False) for kind in CHOICES},
    },
)


class SyncChange(Body):
    """As bisync/sync.yml has it. What is left out stays as it is."""

    pull = PullTimes(required=False)
    metadata = SyncMetadata(required=False)


class SyncProblem(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    message = serializers.CharField()


class SyncFileShape(serializers.Serializer[Any]):
    sets = serializers.ListField(
        child=serializers.CharField(),
        help_text="What cannot be changed here, such as pull or tests.strategy.",
    )
    commit = serializers.CharField(help_text="That said so; empty where no file says anything.")
    author = serializers.CharField()
    problems = SyncProblem(many=True, help_text="Of a newer file, which does not count while there are any.")
    wrong_commit = serializers.CharField()


class SyncShape(serializers.Serializer[Any]):
    pull = PullTimes()
    next_pull = serializers.DateTimeField(allow_null=True)
    metadata = SyncMetadata()
    file = SyncFileShape()


class WebhookShape(serializers.Serializer[Any]):
    open = serializers.BooleanField(help_text="Whether any webhook is believed.")
    address = serializers.CharField(help_text="Where a forge sends them; empty before the first secret.")


class WebhookSecret(WebhookShape):
    secret = serializers.CharField(help_text="Shown in this answer and never again.")


class Sync(InProject):
    """Strategy and frequency; PATCH chooses what the repository's bisync/sync.yml does not say."""

    @extend_schema(responses=SyncShape)
    def get(self, _request: Request, **_path: Any) -> Response:
        return Response(_shown(self.project))

    @deed(Scope.OPERATE, takes=SyncChange, gives={200: SyncShape})
    def patch(self, request: Request, **_path: Any) -> Response:
        permissions.require(self.user, "repository.configure", self.project)
        change = read(SyncChange, request.data)
        chosen = {
            f"{k}.{key}": value for k, of in change.get("metadata", {}).items() for key, value in of.items()
        }
        if chosen:
            strategies.strategy_set(project=self.project, choices=chosen, actor=self.user)
        if "pull" in change:
            try:
                pull_schedule_set(project=self.project, values=_times(change["pull"]), actor=self.user)
            except InvalidInput as exc:
                texts = [text for sentences in exc.fields.values() for text in sentences]
                raise InvalidInput({"pull": texts}) from None
        return Response(_shown(self.project))


class Lineage(InProject):
    """Have column lineage worked out now."""

    @deed(Scope.OPERATE, gives={202: shapes.RunShape}, name="lineage_start")
    def post(self, _request: Request, **_path: Any) -> Response:
        run = lineage_request(project=self.project, actor=self.user)
        return Response(shapes.RunShape(run).data, status=status.HTTP_202_ACCEPTED)


class OfWebhook(InProject):
    """A view for whoever configures the repository: who knows the address knows half of the proof."""

    def repository(self) -> Repository:
        permissions.require(self.user, "repository.configure", self.project)
        return get_object_or_404(Repository, project=self.project)

    def told(self) -> dict[str, object]:
        found = self.repository()
        path = reverse("hook", args=[found.hook_key]) if found.hook_key else ""
        address = self.request.build_absolute_uri(path) if path else ""
        return {"open": announcing.hook_is_open(found), "address": address}


class Webhook(OfWebhook):
    """The webhook that asks for pulls; POST makes its secret, in place of one that there was."""

    @extend_schema(responses=WebhookShape)
    def get(self, _request: Request, **_path: Any) -> Response:
        return Response(self.told())

    @deed(Scope.OPERATE, gives={201: WebhookSecret}, name="webhook_renew", shown_once=("secret",))
    def post(self, _request: Request, **_path: Any) -> Response:
        self.repository()
        secret = announcing.hook_renew(project=self.project, actor=self.user)
        return Response({**self.told(), "secret": secret}, status=status.HTTP_201_CREATED)


class WebhookClose(OfWebhook):
    """Believe no webhook any more, until there is a new secret."""

    @deed(Scope.OPERATE, gives={200: WebhookShape}, name="webhook_close")
    def post(self, _request: Request, **_path: Any) -> Response:
        self.repository()
        announcing.hook_close(project=self.project, actor=self.user)
        return Response(self.told())


def _times(sent: dict[str, Any]) -> dict[str, Any]:
    day = {"weekday": WEEKDAYS.index(sent["weekday"])} if "weekday" in sent else {}
    return sync_file.times({**sent, **day, "every": "" if sent["every"] == "off" else sent["every"]})


def _shown(project: Project) -> dict[str, object]:
    settings = strategies.settings_of(project)
    schedule = PullSchedule.objects.filter(project=project).first()
    pull: dict[str, Any] = schedule.told() if schedule is not None else {"every": "off"}
    if "weekday" in pull:
        pull["weekday"] = WEEKDAYS[pull["weekday"]]
    shape = SyncShape(
        {
            "pull": pull,
            "next_pull": schedule.next_at if schedule is not None else None,
            "metadata": {
                kind: {key: settings.of(kind, key) for key in keys} for kind, keys in CHOICES.items()
            },
            "file": {
                "sets": sorted(settings.said),
                "commit": settings.commit if settings.said else "",
                "author": settings.author if settings.said else "",
                "problems": [{"line": line, "message": text} for line, text in settings.problems],
                "wrong_commit": settings.wrong_commit,
            },
        }
    )
    return dict(shape.data)
