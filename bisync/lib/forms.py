"""How an action's refusals find their fields again, and data that people type."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.utils.translation import gettext as _

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


class AsSeen(forms.BaseForm):
    """A form that replaces nothing which its page did not show: `seen` is what the fields held there.

    Where somebody changed a field since, saving says which and to what, keeps what was typed, and the next
    saving replaces it. The template has to show `form.seen`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held = {
            name: hashlib.sha256(repr(self.get_initial_for_field(field, name)).encode()).hexdigest()[:12]
            for name, field in self.fields.items()
        }
        now = ",".join(f"{name}:{digest}" for name, digest in self._held.items())
        self.fields["seen"] = forms.CharField(required=False, initial=now, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        seen = dict(part.split(":", 1) for part in cleaned.pop("seen", "").split(",") if ":" in part)
        for name, digest in self._held.items():
            held, typed = self.get_initial_for_field(self.fields[name], name), cleaned.get(name)
            if isinstance(held, list) and isinstance(typed, list):
                held, typed = sorted(held), sorted(typed)
            if seen.get(name, digest) != digest and typed not in (held, None):
                told = ", ".join(map(str, held)) if isinstance(held, list) else held
                sentence = _("Somebody changed it meanwhile, to “%(now)s”. Save again to replace that.")
                self.add_error(name, sentence % {"now": told})
        if self.errors:
            now: Any = self.data.copy()  # type: ignore[attr-defined]
            now[self.add_prefix("seen")] = self.fields["seen"].initial
            self.data = now
        return cleaned


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
