from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.http import HttpRequest

from bisync.lib.admin import ReadOnlyAdmin
from governance import audit
from governance.actions import role_grant, role_revoke
from governance.models import Answered, ApiToken, AuditEvent, Membership, Project, User
from governance.roles import Role
from governance.signing_in import AdminSignInForm

admin.site.login_form = AdminSignInForm


class NewPersonForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email", "name")


@admin.register(User)
class PersonAdmin(UserAdmin[User]):
    """People may be added and deactivated here; they are never deleted."""

    add_form = NewPersonForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Person", {"fields": ("name", "theme", "shortcuts")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)
    filter_horizontal = ()

    def has_delete_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm[Any], change: bool) -> None:  # noqa: FBT001
        with audit.atomic():
            super().save_model(request, obj, form, change)
            actor = request.user if isinstance(request.user, User) else None
            action = "person.changed" if change else "person.created"
            audit.record(actor=actor, action=action, target=obj, after={"fields": form.changed_data})


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "created_at")
    search_fields = ("slug", "name")


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin[Membership]):
    """Roles are given and taken, not edited, by the same actions as everywhere."""

    list_display = ("project", "user", "role")
    list_filter = ("role", "project")
    search_fields = ("user__email", "user__name", "project__slug")
    autocomplete_fields = ("project", "user")
    list_select_related = ("project", "user")

    def has_change_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        given = role_grant(
            project=obj.project, user=obj.user, role=Role(obj.role), actor=cast("User", request.user)
        )
        obj.pk = given.pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        role_revoke(project=obj.project, user=obj.user, role=Role(obj.role), actor=cast("User", request.user))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for membership in queryset:
            self.delete_model(request, membership)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "at", "actor", "action", "target", "project", "request_id")
    list_filter = ("action", "project")
    search_fields = ("target", "action", "actor__email", "request_id")
    list_select_related = ("actor", "project")
    date_hierarchy = "at"


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "user", "prefix", "expires_at", "last_used_at", "revoked_at")
    search_fields = ("name", "user__email", "prefix")
    list_select_related = ("user",)
    exclude = ("digest",)


@admin.register(Answered)
class AnsweredAdmin(ReadOnlyAdmin):
    list_display = ("key", "user", "status", "at")
    search_fields = ("key", "user__email")
    list_select_related = ("user",)
    exclude = ("body",)
