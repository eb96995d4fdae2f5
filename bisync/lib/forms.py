"""How an action's refusals find their fields again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django import forms

from bisync.lib.errors import InvalidInput

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
