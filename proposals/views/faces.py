"""What the form page shows for each kind of definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias, get_args

from django.utils.translation import gettext as _

from bisync.lib.errors import BisyncError
from environments.models import Environment
from governance.web import Request
from proposals import generate
from proposals.broken_rows import broken_rows
from proposals.calculating import calculation_preview
from proposals.forms import FORMS, FormNames
from proposals.forms.metric import MetricForm
from proposals.forms.rule import SPELLINGS, RuleForm
from proposals.kinds import KINDS
from proposals.kinds.removal import in_words
from proposals.models import Item
from proposals.outlook import Outlook, ShownFile, outlook, sentences, shown_files
from proposals.preview import preview
from proposals.rule_panel import rule_panel
from proposals.split import months_of, values_of
from semantic.business_rules import BusinessRuleFields
from semantic.calculation import CalculationFields
from semantic.definitions import Grain
from semantic.elements import DimensionFields, MeasureFields
from semantic.fields import Fields, MetricFields
from semantic.formula import Problem
from semantic.formula.chips import Chip, chips
from semantic.promised import PromiseFields
from semantic.removals import RemovalFields, left_unused, subject_of, uses_of

GRAINS: tuple[Grain, ...] = get_args(Grain)
# The changes of the same proposal on which this one may build.
Earlier: TypeAlias = Sequence[Item]


class Context(Protocol):
    """Gives what the templates of a kind need."""

    def __call__(
        self, request: Request, environment: Environment, fields: Any, base: Any, earlier: Earlier, /
    ) -> dict[str, object]: ...


@dataclass(frozen=True, slots=True)
class Foot:
    """What stands below a formula over one row: what is wrong, how it reads, and while it is empty a hint."""

    hint: str = ""
    problems: Sequence[Problem] = ()
    reads_as: str = ""
    chips: Sequence[Chip] = ()


def _feet(kind: str, fields: Fields, found: Outlook) -> dict[str, Foot]:
    """Of each formula over one row that the form asks for."""
    if found.known is None:
        return dict.fromkeys(("expr", "where", "formula"), Foot())
    feet = {}
    for name, read in KINDS[kind].row_formulas(fields, found.known).items():
        foot = Foot(str(FORMS[kind].base_fields[name].help_text))
        if read is not None:
            parts = chips(read.tree, found.names) if read.tree is not None else ()
            foot = replace(foot, problems=read.problems, reads_as=read.reads_as, chips=parts)
        feet[name] = foot
    return feet


@dataclass(frozen=True, slots=True)
class Face:
    """The templates of a kind: the form's sections, the panel beside it, and its parts as they change."""

    sections: str
    panel: str
    parts: str
    context: Context


def _grain(request: Request) -> Grain:
    asked = request.POST.get("grain") or request.GET.get("grain")
    return next((grain for grain in GRAINS if grain == asked), "month")


def _metric(
    request: Request,
    environment: Environment,
    fields: MetricFields,
    base: MetricFields | None,
    earlier: Earlier,
) -> dict[str, object]:
    shown = preview(fields, environment, grain=_grain(request), base=base, earlier=earlier)
    unfit = {name: " ".join(sentences) for name, sentences in shown.unfit.items()}
    return {
        "preview": shown,
        "missing": MetricForm.told(shown.missing),
        "unfit": [(name, unfit.get(name, "")) for name in MetricForm.looked_at],
        "grains": GRAINS,
        "fields": fields,
    }


def _calculation(
    _request: Request, environment: Environment, fields: CalculationFields, _base: None, earlier: Earlier
) -> dict[str, object]:
    shown = calculation_preview(fields, environment, earlier)
    form, unfit = FORMS["calculation"], sentences(shown.outlook.unfit)
    return {
        "preview": shown.outlook,
        "shown": shown,
        "missing": form.told(shown.outlook.missing),
        "unfit": [(name, unfit.get(name, "")) for name in form.looked_at],
        "fields": fields,
    }


def _plain(kind: str) -> Context:
    """What the panel of a change without a number needs."""

    def context(
        _request: Request,
        environment: Environment,
        fields: Fields,
        base: Fields | None,
        earlier: Earlier,
    ) -> dict[str, object]:
        form, found = FORMS[kind], outlook(KINDS[kind], fields, environment, base, earlier)
        unfit = sentences(found.unfit)
        return {
            "preview": found,
            "files": (),
            "missing": form.told(found.missing),
            "unfit": [(name, unfit.get(name, "")) for name in form.looked_at],
            "fields": fields,
            "feet": _feet(kind, fields, found),
        }

    return context


def _element(kind: str) -> Context:
    """Beside what a plain change needs, what it shows in the live version."""

    def context(
        request: Request,
        environment: Environment,
        fields: DimensionFields | MeasureFields,
        base: DimensionFields | MeasureFields | None,
        earlier: Earlier,
    ) -> dict[str, object]:
        found = (
            values_of(fields, environment)
            if isinstance(fields, DimensionFields)
            else months_of(fields, environment)
        )
        return {**_plain(kind)(request, environment, fields, base, earlier), "shown": found}

    return context


def _removal(
    request: Request,
    environment: Environment,
    fields: RemovalFields,
    base: RemovalFields | None,
    earlier: Earlier,
) -> dict[str, object]:
    """Beside what a plain change needs, everything that uses the thing."""
    known = generate.known_after(earlier, environment)
    uses, told = uses_of(fields.name, known), KINDS["removal"].warnings(fields, known)
    context = _plain("removal")(request, environment, fields, base, earlier)
    shown, files = context["preview"], tuple[ShownFile, ...]()
    try:
        files = shown_files(shown) if isinstance(shown, Outlook) else ()
    except BisyncError as exc:
        told = [*told, str(exc)]
    return {
        **context,
        "files": files,
        "subject": in_words(fields, known),
        "key": subject_of(fields.name)[1],
        "uses": uses,
        "told": told[1:] if uses else told,  # the first one lists what stands above it
        "unused": left_unused(subject_of(fields.name)[1], known) if fields.unused else ((), ()),
    }


def _plain_face(kind: str) -> Face:
    return Face(
        f"proposals/forms/{kind}.html",
        "proposals/_outlook.html",
        "proposals/proposal_outlook.html",
        _plain(kind),
    )


def _rule(
    request: Request,
    environment: Environment,
    fields: PromiseFields,
    base: PromiseFields | None,
    earlier: Earlier,
) -> dict[str, object]:
    """As of every change in words, with the rows that break the rule; and the fields of another promise."""
    context = _plain("test")(request, environment, fields, base, earlier)
    context["broken"] = broken = broken_rows(fields, environment)
    shown = context["preview"]
    if broken.count and fields.severity != "warn" and isinstance(shown, Outlook):
        said = _("Rows break it today: the checks refuse it until the data are mended, or let it warn alone.")
        context["preview"] = replace(shown, notes=(*shown.notes, said))
    if request.POST.get("shown", fields.promise.kind) != fields.promise.kind:
        known = FormNames(generate.names_in(environment), ())
        context["asked"] = FORMS["test"](request.POST, known=known, base=base)
    return context


def _business_rule(
    _request: Request,
    environment: Environment,
    fields: BusinessRuleFields,
    base: BusinessRuleFields | None,
    earlier: Earlier,
) -> dict[str, object]:
    shown = rule_panel(fields, environment, base, earlier)
    model = shown.outlook.names.models.get(fields.model)
    unfit = sentences(shown.outlook.unfit)
    return {
        "panel": shown,
        "preview": shown.outlook,
        "missing": RuleForm.told(shown.outlook.missing),
        "unfit": [(name, unfit.get(name, "")) for name in RuleForm.looked_at],
        "fields": fields,
        "spellings": SPELLINGS,
        "feet": {"text": Foot()},
        "columns": [column.name for column in model.columns] if model is not None else [],
    }


FACES: Mapping[str, Face] = {
    "metric": Face(
        "proposals/forms/metric.html", "proposals/_preview.html", "proposals/proposal_preview.html", _metric
    ),
    "calculation": Face(
        "proposals/forms/calculation.html",
        "proposals/_calculation.html",
        "proposals/proposal_calculation.html",
        _calculation,
    ),
    **{
        kind: Face(
            f"proposals/forms/{kind}.html",
            "proposals/_split.html",
            "proposals/proposal_split.html",
            _element(kind),
        )
        for kind in ("dimension", "measure")
    },
    "rule": Face(
        "proposals/forms/rule.html",
        "proposals/_rule_panel.html",
        "proposals/proposal_rule.html",
        _business_rule,
    ),
    "test": Face(
        "proposals/forms/test.html", "proposals/_rule_outlook.html", "proposals/rule_outlook.html", _rule
    ),
    "removal": Face(
        "proposals/forms/removal.html", "proposals/_impact.html", "proposals/proposal_impact.html", _removal
    ),
    **{kind: _plain_face(kind) for kind in ("model", "column", "doc")},
}
