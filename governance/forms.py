"""What the page of one's own API tokens asks."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import Scope

DAYS = ((30, _("30 days")), (90, _("90 days")), (366, _("A year")))


class TokenForm(forms.Form):
    """A name, what it may be used for, and for how long."""

    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("What uses it, for example “nightly export”.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("May be used to"),
        choices=Scope.choices,
        initial=[Scope.READ.value],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.TypedChoiceField(label=_("Expires after"), choices=DAYS, coerce=int, initial=90)
