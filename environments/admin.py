from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from bisync.lib.admin import ActedAdmin, ActedForm, ReadOnlyAdmin
from environments import actions
from environments.forms import EnvironmentForm
from environments.models import (
    BuildSchedule,
    Deployment,
    Environment,
    Finding,
    FreshnessSchedule,
    MetricSeries,
)


class EnvironmentAdminForm(ActedForm, EnvironmentForm):
    """The page's form, saved by its action."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, project=kwargs["instance"].project, **kwargs)

    def act(self) -> Environment:
        return actions.environment_save(environment=self.instance, values=self.cleaned_data, actor=self.actor)


@admin.register(Environment)
class EnvironmentAdmin(ActedAdmin):
    form = EnvironmentAdminForm
    fields = (
        *("project", "name", "slug", "kind", "connection", "dbt_target", "schema", "branch"),
        *("variables", "position", "live", "created_at"),
    )
    readonly_fields = ("project", "live", "created_at")
    list_display = ("project", "name", "kind", "dbt_target", "schema", "live")
    list_filter = ("kind", "project")
    search_fields = ("name", "slug", "project__slug")
    list_select_related = ("project", "live__environment")
    date_hierarchy = "created_at"
    heavy = ("live__relations", "live__results", "live__affected", "live__variables")

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display = ("environment", "number", "commit", "status", "created_at", "live_at")
    list_filter = ("status", "environment__project")
    search_fields = ("commit", "reason")
    list_select_related = ("environment__project",)
    date_hierarchy = "created_at"
    heavy = ("relations", "results", "affected", "variables")


@admin.register(MetricSeries)
class MetricSeriesAdmin(ReadOnlyAdmin):
    list_display = ("metric", "deployment")
    list_filter = ("deployment__environment__project",)
    search_fields = ("metric",)
    list_select_related = ("deployment__environment",)
    heavy = ("points",)


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "level", "project", "since")
    list_filter = ("level", "kind", "project")
    search_fields = ("name", "unique_id")
    list_select_related = ("project",)
    heavy = ("params",)


@admin.register(BuildSchedule, FreshnessSchedule)
class ScheduleAdmin(ReadOnlyAdmin):
    list_display = ("environment", "every", "count", "weekday", "at", "next_at", "ran_at")
    list_filter = ("every",)
    search_fields = ("environment__name", "environment__project__slug")
    list_select_related = ("environment__project",)
    date_hierarchy = "next_at"
