"""What the pages of people and of one's own account ask."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from governance.models import Scope, User
from governance.roles import ABOUT, Role

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


def role_choices() -> list[tuple[str, SafeString]]:
    """Each role with what it is for."""
    beside = '<span><b>{}</b> <small class="c-muted">{}</small></span>'
    return [(role.value, format_html(beside, role.label, ABOUT[role])) for role in Role]


class RolesForm(forms.Form):
    """Which roles somebody holds in a project."""

    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=role_choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one role.")},
    )


class NewPersonForm(forms.Form):
    """Somebody new."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    name = forms.CharField(label=_("Name"), max_length=User._meta.get_field("name").max_length)


class MemberForm(RolesForm, NewPersonForm):
    """Somebody for a project, known by the address alone where they are here already."""

    field_order = ("email", "name", "roles")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["name"].help_text = _("Needed for somebody who is new here.")


class NewPasswordForm(forms.Form):
    """A password, typed twice because nobody sees it."""

    password = forms.CharField(
        label=_("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html(),
    )
    again = forms.CharField(
        label=_("The same again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if again != self.cleaned_data.get("password", again):
            raise forms.ValidationError(_("This is not the same as above."))
        return again


class PasswordForm(NewPasswordForm):
    """A password in place of the present one."""

    old = forms.CharField(
        label=_("Present password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("old", "password", "again")
