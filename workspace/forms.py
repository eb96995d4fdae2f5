"""What the forms for the repository and for draining a queue ask."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bisync.lib.forms import AsSeen
from governance.models import Project
from workspace.models import Queue, Repository, RunStatus
from workspace.models.runs import KINDS


class RepositoryForm(AsSeen, forms.ModelForm[Repository]):
    """The repository's address and credentials; a stored password is never shown again."""

    password = forms.CharField(
        label=_("Password or token"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Leave it empty to keep the stored one."),
    )

    field_order = ("url", "branch", "folder", "username", "password")

    class Meta:
        model = Repository
        fields = ("url", "branch", "folder", "username", "dbt_target", "dbt_executable")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django would write the first letter of a name large, and it is not ours.
        self.fields["dbt_target"].label = _("dbt target")
        self.fields["dbt_executable"].label = _("dbt executable")

    def _post_clean(self) -> None:
        """The action assigns and validates; a form that did so as well would do it twice."""


class RunsForm(forms.Form):
    """What the list of all runs is narrowed to. Every field may stay empty."""

    project = forms.ModelChoiceField(
        Project.objects.order_by("name"),
        label=_("Project"),
        to_field_name="slug",
        required=False,
        empty_label=_("All"),
    )
    status = forms.ChoiceField(label=_("State"), choices=[("", _("All")), *RunStatus.choices], required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=[("", _("All")), *KINDS.items()], required=False)


class DrainForm(forms.Form):
    """Which queue workers leave alone, and why."""

    queue = forms.TypedChoiceField(label=_("Queue"), choices=Queue.choices, coerce=Queue)
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("Whoever waits for a run reads it there.")
    )
