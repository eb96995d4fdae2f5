"""The stock admin, uniform: for support, not for daily work. States and history are read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Look, search, but change nothing: changes go through the product's own pages and actions."""

    list_per_page = 50
    show_full_result_count = False

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

    def has_add_permission(self, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
        return False
