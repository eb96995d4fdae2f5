from __future__ import annotations

from django.contrib import admin

from bisync.lib.admin import ReadOnlyAdmin
from environments.models import Deployment, Environment, MetricSeries


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    list_display = ("project", "name", "kind", "dbt_target", "schema", "live")
    list_filter = ("kind", "project")
    search_fields = ("name", "slug", "project__slug")
    list_select_related = ("project", "live__environment")


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display = ("environment", "number", "commit", "status", "created_at", "live_at")
    list_filter = ("status", "environment__project")
    search_fields = ("commit", "reason")
    list_select_related = ("environment",)


@admin.register(MetricSeries)
class MetricSeriesAdmin(ReadOnlyAdmin):
    list_display = ("metric", "deployment")
    search_fields = ("metric",)
    list_select_related = ("deployment__environment",)
