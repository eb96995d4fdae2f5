"""How an action's refusals find their fields again, and data that people type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms

from bisync.lib.errors import InvalidInput
from bisync.lib.stored import storable

T = TypeVar("T")


def carry_out(form: forms.BaseForm, action: Callable[[], T]) -> T | None:
    """What `action` gives; None where the form or the action found fault, told beside the fields."""
    if not form.is_valid():
        return None
    try:
        return action()
    except InvalidInput as exc:
        for name, sentences in exc.fields.items():
            form.add_error(name if name in form.fields else None, sentences)
        return None


class JsonField(forms.JSONField):
    """JSON as every database holds it, and no deeper than it can be read."""

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value)
            unlike = storable(found) != found
        except RecursionError:
            unlike = True
        if unlike:
            raise forms.ValidationError(
                self.error_messages["invalid"], code="invalid", params={"value": value}
            )
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed, for the form to show again."""
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return data
