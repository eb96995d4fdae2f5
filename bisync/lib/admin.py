"""The stock admin, uniform: for support, not for daily work. States and history are read-only.

What can be changed here is changed by the same actions as on the product's own pages: their refusals come
beside the fields, and their audit rows are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from bisync.lib.forms import carry_out


class Uniform(admin.ModelAdmin[Any]):
    """A list with a way to each record's page in the product; an action's refusal is told, not raised."""

    list_per_page = 50
    show_full_result_count = False
    # Columns too large for a list; a record's own page reads those that it shows.
    heavy: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self.heavy)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        shown = tuple(super().get_list_display(request))
        # Second, so that wide lists do not hide it.
        return (shown[0], "page", *shown[1:]) if hasattr(self.model, "get_absolute_url") else shown

    @admin.display(description=_("page"))
    def page(self, obj: Any) -> str:
        """The way to its page in the product."""
        return format_html('<a href="{}">{}</a>', obj.get_absolute_url(), _("Open"))

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        address = getattr(obj, "get_absolute_url", None)
        return address() if address else None

    def each(self, request: HttpRequest, records: QuerySet[Any], deed: Callable[[Any], object]) -> None:
        """Do it to each record that was chosen; say for how many, and for each refusal why."""
        done = 0
        for record in records:
            try:
                deed(record)
                done += 1
            except BisyncError as exc:
                self.message_user(request, f"{record}: {exc}", messages.ERROR)
        if done:
            self.message_user(request, _("Done: %(count)s.") % {"count": done}, messages.SUCCESS)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        view = super().changelist_view
        return self._told(request, lambda: view(request, *args, **kwargs))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        view = super().changeform_view
        return self._told(request, lambda: view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        view = super().delete_view
        return self._told(request, lambda: view(request, *args, **kwargs))

    def _told(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            return view()
        except BisyncError as exc:
            self.message_user(request, str(exc), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


class ReadOnlyAdmin(Uniform):
    """Look, search, but change nothing: changes go through the product's own pages and actions."""

    def has_add_permission(self, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
        return False


class InlineReadOnly(admin.TabularInline[Any, Any]):
    """Rows that belong to another record, to read."""

    extra = 0
    can_delete = False

    def get_readonly_fields(self, _request: HttpRequest, _obj: models.Model | None = None) -> Any:
        return self.fields or ()

    def has_add_permission(self, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
        return False


class ActedForm(forms.ModelForm[Any]):
    """A form that is saved by an action, which validates and writes the audit row; `actor` is who sent it."""

    actor: Any = None

    def act(self) -> models.Model:
        """Carry out what was asked; the record as it is now."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        """In place of the model's own checks: the action has them, and more."""
        if self.errors:
            return
        try:
            saved = carry_out(self, self.act)
        except BisyncError as exc:
            self.add_error(None, str(exc))
        else:
            self.instance = saved or self.instance

    def save(self, commit: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002
        return self.instance

    def save_m2m(self) -> None:
        """There is nothing left to save."""


class ActedAdmin(Uniform):
    """Records that may be changed here, by their `ActedForm`."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"actor": request.user})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """The form's action has saved it."""


class ChosenFilter(admin.SimpleListFilter):
    """A filter whose choices are known beforehand: nothing is asked of a long table to list them."""

    choices_of: Callable[[], Iterator[tuple[str, str]]]

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return list(type(self).choices_of())

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.parameter_name or "": self.value()}) if self.value() else queryset
