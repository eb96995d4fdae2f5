from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from bisync.lib.admin import ActedAdmin, ActedForm, ChosenFilter, InlineReadOnly, ReadOnlyAdmin
from governance.models import Project, User
from workspace import actions
from workspace.forms import RepositoryForm
from workspace.models import (
    Artifact,
    Connection,
    Delivery,
    Drain,
    Hold,
    PullSchedule,
    Repository,
    Run,
    RunCommand,
    SyncSettings,
)
from workspace.models.runs import KINDS


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    """Here and not with the people, because a project is pulled."""

    list_display = ("slug", "name", "created_at")
    search_fields = ("slug", "name")
    date_hierarchy = "created_at"
    actions = ("pull",)

    @admin.action(description=_("Pull from the repository"), permissions=["view"])
    def pull(self, request: HttpRequest, projects: Any) -> None:
        self.each(request, projects, lambda p: actions.pull_request(project=p, actor=_actor(request)))


class RepositoryAdminForm(ActedForm, RepositoryForm):
    """The page's form, saved by its action."""

    def act(self) -> Repository:
        return actions.repository_connect(
            project=self.instance.project, values=self.cleaned_data, actor=self.actor
        )


@admin.register(Repository)
class RepositoryAdmin(ActedAdmin):
    form = RepositoryAdminForm
    fields = (
        *("project", "url", "branch", "folder", "username", "password", "dbt_target", "dbt_executable"),
        *("synced_commit", "synced_at"),
    )
    readonly_fields = ("project", "synced_commit", "synced_at")
    list_display = ("project", "url", "branch", "folder", "synced_commit", "synced_at")
    list_filter = ("project",)
    search_fields = ("url", "project__slug")
    list_select_related = ("project",)
    date_hierarchy = "synced_at"
    actions = ("pull",)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False

    @admin.action(description=_("Pull"), permissions=["view"])
    def pull(self, request: HttpRequest, repositories: Any) -> None:
        self.each(
            request,
            repositories,
            lambda found: actions.pull_request(project=found.project, actor=_actor(request)),
        )


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("project", "name", "adapter", "host", "database", "created_at")
    list_filter = ("adapter", "project")
    search_fields = ("name", "project__slug")
    exclude = ("password",)
    list_select_related = ("project",)
    date_hierarchy = "created_at"
    heavy = ("password",)  # one that no key opens must not close the page


@admin.register(Drain)
class DrainAdmin(ReadOnlyAdmin):
    list_display = ("queue", "reason", "by", "since", "ended_at", "ended_by")
    list_filter = ("queue",)
    search_fields = ("reason", "by__email")
    list_select_related = ("by", "ended_by")
    date_hierarchy = "since"


class CommandInline(InlineReadOnly):
    model = RunCommand
    fields = ("name", "attempt", "exit_code", "started_at", "finished_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("output")


class KindFilter(ChosenFilter):
    title, parameter_name = _("kind"), "kind"

    @staticmethod
    def choices_of() -> Iterator[tuple[str, str]]:
        return ((kind, str(words)) for kind, words in KINDS.items())


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "kind", "subject", "status", "attempt", "created_at", "finished_at")
    list_filter = ("status", KindFilter, "project")
    search_fields = ("kind", "subject", "error_code", "project__slug")
    exclude = ("token",)
    list_select_related = ("project",)
    heavy = ("params", "intent", "result", "progress")
    inlines = (CommandInline,)
    actions = ("cancel", "retry")

    @admin.action(description=_("Cancel"), permissions=["view"])
    def cancel(self, request: HttpRequest, runs: Any) -> None:
        self.each(request, runs, lambda run: actions.run_cancel(run=run, actor=_actor(request)))

    @admin.action(description=_("Try again"), permissions=["view"])
    def retry(self, request: HttpRequest, runs: Any) -> None:
        self.each(request, runs, lambda run: actions.run_retry(run=run, actor=_actor(request)))


@admin.register(RunCommand)
class RunCommandAdmin(ReadOnlyAdmin):
    list_display = ("id", "run", "name", "exit_code", "started_at", "finished_at")
    search_fields = ("name", "run__project__slug")
    list_select_related = ("run__project",)
    heavy = ("output", "argv")


@admin.register(Artifact)
class ArtifactAdmin(ReadOnlyAdmin):
    list_display = ("digest", "name", "size", "created_at")
    search_fields = ("digest", "name")
    date_hierarchy = "created_at"
    exclude = ("body",)
    heavy = ("body",)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "commit", "state", "since", "decided_by", "decided_at")
    list_filter = ("state", "project")
    search_fields = ("commit", "digest")
    date_hierarchy = "since"
    exclude = ("changes",)
    list_select_related = ("project", "decided_by")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("id", "repository", "forge", "outcome", "run", "at")
    list_filter = ("forge", "outcome")
    search_fields = ("repository__project__slug",)
    date_hierarchy = "at"
    exclude = ("digest",)
    list_select_related = ("repository", "run")


@admin.register(SyncSettings)
class SyncSettingsAdmin(ReadOnlyAdmin):
    list_display = ("project", "commit", "author", "committed_at", "wrong_commit")
    list_filter = ("project",)
    search_fields = ("project__slug", "commit", "author")
    exclude = ("digest", "aside")
    list_select_related = ("project",)
    date_hierarchy = "committed_at"


@admin.register(PullSchedule)
class PullScheduleAdmin(ReadOnlyAdmin):
    list_display = ("project", "every", "count", "weekday", "at", "next_at", "ran_at")
    list_filter = ("every",)
    search_fields = ("project__slug",)
    list_select_related = ("project",)
    date_hierarchy = "next_at"
