"""How far what the API shows can be relied on: its own checks, and those of all that it is made from."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bisync.api.base import InProject
from catalog.outcomes import Tested
from catalog.standing import Standings, standings


class WrongShape(serializers.Serializer[Any]):
    """A test that fails or warns, or a source that is not fresh, or not known to be any more."""

    unique_id = serializers.CharField()
    name = serializers.CharField()
    node = serializers.CharField(help_text="What it is a test of; of a source itself.")
    column = serializers.CharField()
    state = serializers.CharField(help_text="bad or warn.")
    old = serializers.BooleanField(help_text="Whether a timetable promises a later look at the source.")
    environment = serializers.CharField(source="outcome.environment")
    since = serializers.DateTimeField(source="outcome.since")
    at = serializers.DateTimeField(source="outcome.at", help_text="When it was last looked at.")
    message = serializers.CharField(source="outcome.message")


class StandingShape(serializers.Serializer[Any]):
    state = serializers.CharField(
        source="tone", help_text="bad, warn or ok, the worst of all; empty where none has run."
    )
    checks = serializers.IntegerField(source="looked", help_text="How many there are.")
    ran = serializers.IntegerField(source="told", help_text="How many of them have run.")
    oldest = serializers.DateTimeField(
        source="at", allow_null=True, help_text="When the one that ran longest ago did."
    )
    wrong = serializers.SerializerMethodField()

    @extend_schema_field(WrongShape(many=True))
    def get_wrong(self, standing: Any) -> Any:
        wrong: list[Tested] = [*standing.failing, *standing.warning]
        return WrongShape(wrong, many=True).data


class Judged(serializers.Serializer[Any]):
    """Something of dbt's with how it stands, as the view found out."""

    trust = serializers.SerializerMethodField(
        help_text="What tests and freshness say of it and of all that it is made from."
    )

    @extend_schema_field(StandingShape)
    def get_trust(self, shown: Any) -> Any:
        stands: Standings = self.context.get("stands", Standings())
        return StandingShape(stands.of(shown.unique_id)).data


class Judging(InProject):
    """A view of such things: all that one answer shows are judged at once."""

    stands = Standings()

    def judge(self, keys: list[str]) -> None:
        self.stands = standings(self.project, keys)

    def paginate_queryset(self, queryset: Any) -> Any:
        shown = super().paginate_queryset(queryset)
        self.judge([one.unique_id for one in shown or ()])
        return shown

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "stands": self.stands}
