"""What the catalogue's forms ask."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class ViewForm(forms.Form):
    """A name for a way of looking at the catalogue."""

    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"autofocus": True}))
    query = forms.CharField(required=False, widget=forms.HiddenInput)
