"""What the forms for the repository and for draining a queue ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bisync.lib.forms import AsSeen
from governance.models import Project
from workspace.models import Every, Queue, Repository, RunStatus, SyncSettings, Timetable, Weekday
from workspace.models.runs import KINDS as RUN_KINDS
from workspace.models.strategies import CHOICES, KINDS, Strategy

LABELS = {
    "strategy": _("Strategy"),
    "frequency": _("Frequency"),
    "conflicts": _("Where both sides changed it"),
}


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
    kind = forms.ChoiceField(label=_("Kind"), choices=[("", _("All")), *RUN_KINDS.items()], required=False)


class DrainForm(forms.Form):
    """Which queue workers leave alone, and why."""

    queue = forms.TypedChoiceField(label=_("Queue"), choices=Queue.choices, coerce=Queue)
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("Whoever waits for a run reads it there.")
    )


class _Strategies(forms.Form):
    """A field for each choice; one that a file makes, or that follows from another, cannot be changed."""

    def __init__(self, *args: Any, known: SyncSettings, locked: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = known
        for kind, keys in CHOICES.items():
            for key, offered in keys.items():
                held = self._fixed(kind, key)
                self.fields[f"{kind}.{key}"] = forms.ChoiceField(
                    label=LABELS[key],
                    choices=[(choice.value, choice.label) for choice in offered],
                    initial=known.of(kind, key),
                    disabled=locked or bool(held),
                    help_text=held,
                )

    def _fixed(self, kind: str, key: str) -> str:
        if f"{kind}.{key}" in self.known.said:
            return _("Set by bisync/sync.yml in commit %(commit).8s.") % {"commit": self.known.commit}
        if key == "conflicts" and self.known.of(kind, "strategy") != Strategy.BOTH:
            return str(_("It comes from dbt only, so dbt wins."))
        return ""

    def kinds(self) -> Iterator[tuple[str, object, object, list[forms.BoundField]]]:
        """Each kind by name, in words, what is of it, and its fields."""
        for kind, (label, about) in KINDS.items():
            yield kind, label, about, [self[f"{kind}.{key}"] for key in CHOICES[kind]]

    @property
    def chosen(self) -> dict[str, str]:
        """What could be chosen, and was."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name != "seen" and not self.fields[name].disabled
        }


class StrategyForm(AsSeen, _Strategies):
    """What of a kind of metadata goes which way, how often, and who wins."""


class ScheduleForm(AsSeen, forms.Form):
    """When something happens by itself. What the chosen kind does not need may be anything."""

    every = forms.ChoiceField(
        label=_("How often"), choices=[("", _("Only when somebody asks")), *Every.choices], required=False
    )
    count = forms.IntegerField(
        label=_("Minutes or hours between"),
        required=False,
        help_text=_("At least 5 minutes, at most a week."),
    )
    weekday = forms.ChoiceField(label=_("Day"), choices=Weekday.choices, required=False)
    at = forms.TimeField(
        label=_("Time"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=_("In UTC, which knows no summer time."),
    )
    needed = ("count", "at", "weekday")

    def __init__(self, *args: Any, known: Timetable | None, locked: bool = False, **kwargs: Any) -> None:
        shown: dict[str, Any] = {"every": "", "count": 15, "weekday": "0", "at": time(6)}
        if known is not None:
            shown |= {"every": known.every, "weekday": str(known.weekday)}
            often = known.every in {Every.MINUTES, Every.HOURS}
            shown["count" if often else "at"] = known.count if often else known.at
        super().__init__(*args, initial=shown, **kwargs)
        for name in ("every", *self.needed):
            self.fields[name].disabled = locked
