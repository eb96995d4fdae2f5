"""What the forms of all kinds have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from semantic.definitions import Vocabulary
from semantic.fields import Fields
from semantic.formula.spellings import one_number

F = TypeVar("F", bound=Fields)


# Chosen among names that come and go with every pull.
_NAMES = ("model", "time", "group", "other", "replacement")


class NumberField(forms.FloatField):
    """A number as people type it: a browser's own field for numbers takes 1,5 for 15 without a word."""

    widget = forms.TextInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.widget.attrs.update(inputmode="decimal", autocomplete="off")

    def prepare_value(self, value: object) -> object:
        return f"{value:.15g}" if isinstance(value, float) else value

    def to_python(self, value: Any) -> Any:
        typed = str(value).strip() if value not in self.empty_values else ""
        plain, *others = one_number(typed)
        if others:
            said = _("“%(typed)s” could be %(either)s. Write the one that you mean.")
            either = _(" or ").join((plain, *others))
            raise forms.ValidationError(said % {"typed": typed, "either": either})
        return super().to_python(plain)


def synonyms_field() -> forms.CharField:
    """In which other names are typed; `names_in` tells them apart."""
    return forms.CharField(
        label=_("Other names"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Separated by commas. Search and formulas understand them, too."),
    )


def certified_field() -> forms.BooleanField:
    """Whether somebody vouches for a thing."""
    return forms.BooleanField(label=_("Certified: others may rely on it"), required=False)


def names_in(text: str) -> tuple[str, ...]:
    """The names that stand in a text between commas, each once."""
    listed = (" ".join(one.split()) for one in text.split(","))
    return tuple(dict.fromkeys(filter(None, listed)))


@dataclass(frozen=True, slots=True)
class FormNames:
    """What may be chosen in a form: the names that dbt knows, and the project's groups."""

    names: Vocabulary
    groups: Iterable[str]


class ItemForm(forms.Form):
    """A draft's fields, all optional: it may be unfinished. Actions say what is missing or unsafe."""

    # Marked in the form: without these it cannot be sent for review.
    needed: ClassVar[frozenset[str]] = frozenset()
    # Beside these the form says while somebody types that dbt may not read it.
    looked_at: ClassVar[tuple[str, ...]] = ("why",)
    # The field that a repair is written into.
    fixed: ClassVar[str] = "formula"
    # What an address may bring, so that a draft begins with it.
    suggestible: ClassVar[tuple[str, ...]] = ()

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def __init__(
        self,
        *args: Any,
        known: FormNames,
        base: Fields | None = None,
        stored: Fields | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fill(known, base)
        if stored is not None:
            self._offer(stored)

    def fill(self, known: FormNames, base: Fields | None) -> None:
        """Offer what may be chosen."""

    def content(self) -> Fields:
        """What was typed, as far as it can be read; a bad choice keeps its default."""
        raise NotImplementedError

    def along(self, fields: F, stored: F) -> F:  # noqa: ARG002
        """What was typed, with what of the `stored` content the form does not show."""
        return fields

    @property
    def unread(self) -> set[str]:
        """The fields of the content that could not be read."""
        return set(self.errors) - {"version"}

    def kept(self, fields: F, stored: F) -> F:
        """What was typed; what cannot be read of it stays as it was stored."""
        return fields.keeping(stored, self.unread)

    @classmethod
    def initial_of(cls, fields: Fields, version: int) -> dict[str, object]:
        """A stored revision as the form shows it."""
        shown: dict[str, Any] = {**fields.to_json(), "version": version}
        return {**shown, "synonyms": ", ".join(shown["synonyms"])} if "synonyms" in shown else shown

    @classmethod
    def as_sent(cls, shown: Mapping[str, object]) -> QueryDict:
        """What `initial_of` gives, as a browser would send it."""
        sent = QueryDict(mutable=True)
        for name, value in shown.items():
            if isinstance(value, list):
                sent.setlist(name, list(map(str, value)))
            elif value is not None:
                sent[name] = str(value)
        return sent

    @classmethod
    def acted(
        cls, typed: QueryDict, act: str, fields: Fields, names: Vocabulary  # noqa: ARG003
    ) -> Mapping[str, list[str]]:  # fmt: skip
        """Change what was typed, and reads as `fields`, as a button within the form asks.

        Where it cannot, what is typed stays, and why is returned beside the name of its field.
        """
        return {}

    @classmethod
    def field_of(cls, name: str) -> str:
        """The field of the form in which a field of the content is written."""
        return name

    @classmethod
    def label_of(cls, name: str) -> str:
        """What the form calls a field of the content."""
        return str(cls.base_fields[cls.field_of(name)].label)

    @classmethod
    def said(cls, _name: str, value: object) -> str:
        """The value of a field, as JSON holds it, in words; "" where there is none."""
        if value is True:
            return str(_("Yes"))
        if isinstance(value, list):
            return ", ".join(map(str, value))
        return str(value or "")

    @classmethod
    def told(cls, problems: Mapping[str, Iterable[str]]) -> list[tuple[str, str, str]]:
        """The sentences about the content, each with the field of the form that it is about and its label."""
        shown = [(cls.field_of(name), " ".join(found)) for name, found in problems.items()]
        return [(name, str(cls.base_fields[name].label), sentence) for name, sentence in shown]

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def _offer(self, stored: Fields) -> None:
        """Let what the draft holds be chosen, gone as it may be: no save takes away what nobody touched."""
        shown = self.initial_of(stored, 0)
        for name in _NAMES:
            field, value = self.fields.get(name), shown.get(name)
            if isinstance(field, forms.ChoiceField) and value and not field.valid_value(value):
                known = list(cast("Iterable[Any]", field.choices))
                field.choices = [*known, (value, self.said(name, value) or value)]
