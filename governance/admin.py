from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from bisync.lib.admin import ActedAdmin, ActedForm, ChosenFilter, ReadOnlyAdmin
from bisync.lib.errors import TooLateToUndo
from governance import actions, deeds
from governance.models import (
    Answered,
    ApiToken,
    AuditEvent,
    ChainCheck,
    Membership,
    PasswordLink,
    User,
)
from governance.roles import Role
from governance.signing_in import AdminSignInForm

admin.site.site_header = admin.site.site_title = "Bisync"
admin.site.login_form = AdminSignInForm


def _own_password(_request: HttpRequest, _extra: Any = None) -> Any:
    """To where one's own password is changed: that ends the other sessions and writes an audit row."""
    return redirect("password")


admin.site.password_change = _own_password  # type: ignore[assignment,method-assign]
# Django's own groups, which the import has registered, give nothing here: roles do.
assert isinstance(admin.site.get_model_admin(Group), GroupAdmin)
admin.site.unregister(Group)


# What of an account is changed here; somebody else may have changed it since the page was opened.
SHOWN = ("name", "is_active", "is_superuser")


class PersonForm(ActedForm):
    """Somebody's account. A password is set by its person alone, through a link that their page makes."""

    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_superuser")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            for name in SHOWN:
                self.fields[name].show_hidden_initial = True

    def _was(self) -> tuple[str, bool, bool] | None:
        """What the form showed when it was opened, where it says so."""
        boxes = [self[name] for name in SHOWN]
        if not all(box.html_initial_name in self.data for box in boxes):
            return None
        name, active, operator = (box.field.to_python(self.data[box.html_initial_name]) for box in boxes)
        return str(name), bool(active), bool(operator)

    def act(self) -> User:
        asked = self.cleaned_data
        if self.instance.pk is None:
            # Without a link: nobody would see it here.
            return actions.person_add(**asked, actor=self.actor, link=False)[0]
        return actions.person_set(
            person=self.instance,
            name=asked["name"],
            active=asked["is_active"],
            operator=asked["is_superuser"],
            actor=self.actor,
            was=self._was(),
        )


@admin.register(User)
class PersonAdmin(ActedAdmin):
    """People may be added, renamed, deactivated and made administrators here; they are never deleted."""

    form = PersonForm
    list_display = ("email", "name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("email",)
    date_hierarchy = "date_joined"

    def get_fields(self, _request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("email", "name")
        return ("email", "name", "is_active", "is_superuser", "is_staff", "last_login", "date_joined")

    def get_readonly_fields(self, _request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("email", "is_staff", "last_login", "date_joined")

    def has_delete_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False

    def response_add(self, request: HttpRequest, obj: User, *args: Any, **kwargs: Any) -> HttpResponse:
        words = _('Make the link by which they set a password on <a href="{}">their page</a>.')
        self.message_user(request, format_html(str(words), obj.get_absolute_url()), messages.WARNING)
        return super().response_add(request, obj, *args, **kwargs)


class MembershipForm(ActedForm):
    """One role of one person in one project; a change gives the new one and takes the old one."""

    class Meta:
        model = Membership
        fields = ("project", "user", "role")

    def act(self) -> Membership:
        role = Role(self.cleaned_data["role"])
        if self.instance.pk is None:
            project, user = self.cleaned_data["project"], self.cleaned_data["user"]
            return actions.role_grant(project=project, user=user, role=role, actor=self.actor)
        project, user = self.instance.project, self.instance.user
        held = set(Membership.objects.filter(project=project, user=user).values_list("role", flat=True))
        wanted = held - {self.instance.role} | {role.value}
        try:
            actions.roles_set(project=project, user=user, roles=wanted, actor=self.actor, was=held)
        except TooLateToUndo:
            raise actions.ChangedMeanwhile(what=str(user)) from None
        return Membership.objects.get(project=project, user=user, role=role)


@admin.register(Membership)
class MembershipAdmin(ActedAdmin):
    """Roles, given, changed and taken by the same actions as everywhere."""

    form = MembershipForm
    fields = ("project", "user", "role")
    list_display = ("user", "project", "role")
    list_filter = ("role", "project")
    search_fields = ("user__email", "user__name", "project__slug")
    autocomplete_fields = ("project", "user")
    list_select_related = ("project", "user")

    def get_readonly_fields(self, _request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("project", "user")

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        assert isinstance(request.user, User)
        actions.role_revoke(project=obj.project, user=obj.user, role=Role(obj.role), actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for membership in queryset:
            self.delete_model(request, membership)


class DeedFilter(ChosenFilter):
    title, parameter_name = _("action"), "action"

    @staticmethod
    def choices_of() -> Iterator[tuple[str, str]]:
        return ((deed, deed) for deed in deeds.DEEDS)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "at", "actor", "action", "target", "label", "project", "environment", "request_id")
    list_filter = (DeedFilter, "project")
    search_fields = ("target", "label", "action", "actor__email", "request_id")
    list_select_related = ("actor", "project")
    heavy = ("before", "after")


@admin.register(ChainCheck)
class ChainCheckAdmin(ReadOnlyAdmin):
    list_display = ("id", "upto", "events", "began_at", "at")
    search_fields = ("upto",)
    date_hierarchy = "began_at"


@admin.register(PasswordLink)
class PasswordLinkAdmin(ReadOnlyAdmin):
    list_display = ("user", "made_by", "created_at", "expires_at", "used_at")
    search_fields = ("user__email", "user__name", "made_by__email")
    list_select_related = ("user", "made_by")
    date_hierarchy = "created_at"
    exclude = ("digest",)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "user", "prefix", "expires_at", "last_used_at", "revoked_at")
    search_fields = ("name", "user__email", "prefix")
    list_select_related = ("user",)
    date_hierarchy = "created_at"
    exclude = ("digest",)


@admin.register(Answered)
class AnsweredAdmin(ReadOnlyAdmin):
    list_display = ("key", "user", "status", "at")
    search_fields = ("key", "user__email")
    list_select_related = ("user",)
    date_hierarchy = "at"
    exclude = ("body",)
    heavy = ("body",)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """What was saved through these pages; the audit log has it as well."""

    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag")
    list_filter = ("action_flag",)
    search_fields = ("object_repr", "user__email")
    list_select_related = ("user", "content_type")
    date_hierarchy = "action_time"

    def get_list_display(self, _request: HttpRequest) -> tuple[Any, ...]:
        return self.list_display

    def get_view_on_site_url(self, _obj: Any = None) -> str | None:
        return None
