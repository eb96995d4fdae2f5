"""What the steps of connecting and the environment form ask."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from bisync.lib.forms import AsSeen, JsonField
from environments.models import Environment, EnvironmentKind
from governance.models import Project
from workspace.git.urls import check_url
from workspace.models import Connection

# The script fills it from the name, until somebody writes into it.
NAMED_AFTER = {"data-slug-of": "id_name", "autocomplete": "off", "spellcheck": "false"}


# How git reaches an address, and what the form calls it.
TRANSPORTS = {"https": "https", "http": "https", "ssh": "ssh", "file": "folder"}
ADDRESSES = (
    ("https", _("HTTPS, with a token or password")),
    ("ssh", _("SSH, with a key that Bisync makes")),
    ("folder", _("A folder on this machine")),
)


class AddressForm(forms.Form):
    """Where the repository is, and who Bisync is there. A stored password is never shown again."""

    kind = forms.ChoiceField(label=_("How to reach it"), choices=ADDRESSES)
    url = forms.CharField(
        label=_("Address of the repository"),
        max_length=500,
        help_text=_("As for git clone: https://host/path, git@host:path, or /folder."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    username = forms.CharField(
        label=_("User name"),
        max_length=200,
        required=False,
        help_text=_("With a token, most servers take any."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Password or token"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Stored encrypted, never shown again. Empty keeps what is stored."),
    )

    def __init__(self, *args: Any, local: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not local:
            self.fields["kind"].choices = ADDRESSES[:-1]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The kind has to be the address's own: what goes with it was shown by it."""
        data = super().clean() or {}
        with suppress(BisyncError):  # the action says what is wrong with the address
            kind = TRANSPORTS[check_url(data.get("url", ""))]
            if kind != data.get("kind"):
                words = _("The address is one for “%(kind)s”. Choose that, or correct the address.")
                self.add_error("kind", words % {"kind": dict(ADDRESSES)[kind]})
        return data

    def values(self) -> dict[str, Any]:
        """The valid form as the action takes it. What was hidden is not sent anywhere."""
        data = {name: value for name, value in self.cleaned_data.items() if name != "kind"}
        if self.cleaned_data["kind"] != "https":
            data |= {"username": "", "password": ""}
        return data


class BeginForm(AddressForm):
    """A project and the address of its repository."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("What people call it, for example the company.")
    )
    slug = forms.SlugField(
        label=_("Short name"),
        max_length=40,
        widget=forms.TextInput(attrs=NAMED_AFTER),
        help_text=_("Part of every address: lower-case letters, digits, hyphens."),
    )
    field_order = ("name", "slug")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = _("Stored encrypted, never shown again.")


class ChoiceForm(forms.Form):
    """One of the things that a test has found."""

    choice = forms.ChoiceField()

    def __init__(self, *args: Any, label: str, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["choice"].label = label
        self.fields["choice"].choices = choices  # type: ignore[attr-defined]


class WarehouseForm(forms.Form):
    """Where dbt builds. A stored password is never shown again."""

    adapter = forms.ChoiceField(label=_("Kind"), choices=Connection.Adapter.choices)
    schema = forms.CharField(
        label=_("Schema"), max_length=40, initial="analytics", help_text=_("What readers of production see.")
    )
    host = forms.CharField(label=_("Host"), max_length=200, required=False)
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, required=False)
    database = forms.CharField(label=_("Database"), max_length=63, required=False)
    user = forms.CharField(label=_("User"), max_length=63, required=False)
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Stored encrypted, never shown again. Empty keeps what is stored."),
    )

    def __init__(self, *args: Any, fixed: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if fixed:  # the environments have theirs
            del self.fields["schema"]

    def values(self) -> dict[str, Any]:
        """The valid form as the action takes it."""
        data = {name: value for name, value in self.cleaned_data.items() if name != "schema"}
        return {**data, "port": data.get("port") or 5432}


class EnvironmentForm(AsSeen, forms.ModelForm[Environment]):
    """An environment's target, warehouse, schema, branch and variables."""

    class Meta:
        model = Environment
        fields = (
            "name",
            "slug",
            "kind",
            "connection",
            "dbt_target",
            "schema",
            "branch",
            "variables",
            "position",
        )
        field_classes = {"variables": JsonField}

    def __init__(self, *args: object, project: Project, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].widget.attrs.update(NAMED_AFTER)
        self.fields["dbt_target"].label = _("dbt target")
        self.fields["variables"].label = _("dbt variables")
        self.fields["kind"].choices = EnvironmentKind.choices  # type: ignore[attr-defined]
        # Without their passwords: one that no key opens must not close the page.
        warehouses = Connection.objects.filter(project=project).defer("password")
        self.fields["connection"].empty_label = None  # type: ignore[attr-defined]
        self.fields["connection"].queryset = warehouses  # type: ignore[attr-defined]

    def _post_clean(self) -> None:
        """The action assigns and validates; a form that did so as well would do it twice."""
