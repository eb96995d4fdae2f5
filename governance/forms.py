"""What the pages of people and of one's own account ask."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from bisync.lib.forms import AsSeen
from governance import deeds
from governance.models import Scope, User
from governance.roles import ABOUT, Role

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

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


class RolesForm(AsSeen, forms.Form):
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


# Before and after these no calendar turns into a moment everywhere.
DAYS_THAT_ARE = (date(1970, 1, 1), date(2999, 12, 31))


def _day(label: StrPromise) -> forms.DateField:
    """A day as browsers ask for one."""
    first, last = DAYS_THAT_ARE
    words = _("Ask for a day between 1970 and 2999.")
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        validators=[MinValueValidator(first, words), MaxValueValidator(last, words)],
    )


class HistoryForm(forms.Form):
    """What the audit log is narrowed to. Every field may stay empty."""

    person = forms.CharField(
        label=_("Person"),
        required=False,
        max_length=200,
        widget=forms.TextInput({"placeholder": _("Name or address")}),
    )
    object = forms.CharField(
        label=_("Object"),
        required=False,
        max_length=200,
        widget=forms.TextInput({"placeholder": _("What or who was changed")}),
    )
    action = forms.ChoiceField(label=_("Action"), required=False)
    environment = forms.ChoiceField(label=_("Environment"), required=False)
    since = _day(_("From"))
    until = _day(_("To"))

    def __init__(self, *args: Any, environments: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        every = [("", _("All"))]
        self.fields["action"].choices = [*every, *deeds.choices()]  # type: ignore[attr-defined]
        self.fields["environment"].choices = [*every, *environments.items()]  # type: ignore[attr-defined]

    @property
    def asked(self) -> dict[str, str]:
        """The fields that narrow something, as an address has them."""
        values = ((name, self.cleaned_data.get(name)) for name in self.fields)
        return {name: str(value) for name, value in values if value}

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", _("This is before the first day."))
        return self.cleaned_data
