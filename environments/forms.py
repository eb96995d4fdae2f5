"""What the connect form and the environment form ask."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from environments.actions import NewProject
from environments.models import Environment, EnvironmentKind
from governance.models import Project
from workspace.models import Connection

# The script fills it from the name, until somebody writes into it.
NAMED_AFTER = {"data-slug-of": "id_name", "autocomplete": "off", "spellcheck": "false"}


class ConnectForm(forms.Form):
    """A project, where its dbt code lives, and the warehouse it builds into."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("What people call it, for example the company.")
    )
    slug = forms.SlugField(
        label=_("Short name"),
        max_length=40,
        widget=forms.TextInput(attrs=NAMED_AFTER),
        help_text=_("Part of every address: lower-case letters, digits, hyphens."),
    )
    url = forms.CharField(
        label=_("Address of the repository"),
        max_length=500,
        help_text=_("As for git clone: https://… or a folder on this machine."),
    )
    branch = forms.CharField(label=_("Branch"), max_length=200, initial="main")
    folder = forms.CharField(
        label=_("Folder of the dbt project"),
        max_length=200,
        required=False,
        help_text=_("Empty where dbt_project.yml is at the top."),
    )
    username = forms.CharField(label=_("User name"), max_length=200, required=False)
    password = forms.CharField(
        label=_("Password or token"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Stored encrypted, never shown again. Empty for a public repository."),
    )
    adapter = forms.ChoiceField(label=_("Warehouse"), choices=Connection.Adapter.choices)
    host = forms.CharField(label=_("Host"), max_length=200, required=False)
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, required=False)
    database = forms.CharField(label=_("Database"), max_length=63, required=False)
    user = forms.CharField(label=_("User"), max_length=63, required=False)
    warehouse_password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    schema = forms.CharField(
        label=_("Schema"), max_length=40, initial="analytics", help_text=_("What readers of production see.")
    )

    def new_project(self) -> NewProject:
        """The valid form as the action takes it."""
        return NewProject(**{**self.cleaned_data, "port": self.cleaned_data.get("port") or 5432})


class EnvironmentForm(forms.ModelForm[Environment]):
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

    def __init__(self, *args: object, project: Project, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["slug"].widget.attrs.update(NAMED_AFTER)
        self.fields["dbt_target"].label = _("dbt target")
        self.fields["variables"].label = _("dbt variables")
        self.fields["kind"].choices = EnvironmentKind.choices  # type: ignore[attr-defined]
        self.fields["connection"].empty_label = None  # type: ignore[attr-defined]
        self.fields["connection"].queryset = Connection.objects.filter(project=project)  # type: ignore[attr-defined]

    def _post_clean(self) -> None:
        """The action assigns and validates; a form that did so as well would do it twice."""
