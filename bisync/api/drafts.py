"""Proposals as the API shows and takes them, and what may be asked of lists. Nothing here saves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bisync.api.shapes import Person, PointShape
from catalog.actions import MOST_WORDS
from catalog.reading import KINDS
from proposals import content, selectors
from proposals.actions.reviewing import APPROVALS_NEEDED
from proposals.models import Check, Comment, Conflict, ConflictState, Proposal, ProposalStatus, Review
from semantic.definitions import Grain
from semantic.fields import FORMATS, RULES, MetricFields, name_from, with_plain_lines
from semantic.models import DefinitionState
from semantic.query.spec import GRAINS

# -- What may be asked ----------------------------------------------------------------------------------


class Search(serializers.Serializer[Any]):
    q = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=400,
        trim_whitespace=False,
        help_text="Words that all have to be found.",
    )


class NodeSearch(Search):
    kind = serializers.ChoiceField(KINDS, required=False)


class MetricSearch(Search):
    state = serializers.ChoiceField(DefinitionState.choices, required=False)


class ProposalSearch(serializers.Serializer[Any]):
    needs = serializers.ChoiceField(["me"], required=False, help_text="Only what waits for you.")
    author = serializers.ChoiceField(["me"], required=False, help_text="Only your own.")
    status = serializers.ChoiceField(ProposalStatus.choices, required=False)


class ByPeriod(serializers.Serializer[Any]):
    grain = serializers.ChoiceField(GRAINS, default="month")


class ByPeriodThere(ByPeriod):
    environment = serializers.SlugField(
        required=False, help_text="Whose data is used; else those of where the proposal goes."
    )


# -- What is sent ---------------------------------------------------------------------------------------


class Body(serializers.Serializer[Any]):
    """A field that it does not have is a mistake to tell, not to pass over: what it says would be lost."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            told = str(_("There is no such field."))
            raise serializers.ValidationError({str(name)[:100]: [told] for name in unknown[:20]})
        return super().to_internal_value(data)


class RuleShape(Body):
    """What always holds. `low` and `high` belong to a range, which needs one of them.

    The others belong to rules about more than one value: by how many percent it grows and falls at most,
    which metric it equals, how far it lies from its history, which metrics come before it, how old its newest
    row may be.
    """

    kind = serializers.ChoiceField(RULES)
    low = serializers.FloatField(required=False, allow_null=True)
    high = serializers.FloatField(required=False, allow_null=True)
    increase = serializers.FloatField(required=False, allow_null=True)
    decrease = serializers.FloatField(required=False, allow_null=True)
    base = serializers.FloatField(required=False, allow_null=True)
    other = serializers.CharField(required=False, allow_blank=True, max_length=255)
    tolerance = serializers.FloatField(required=False, allow_null=True)
    sigma = serializers.FloatField(required=False, allow_null=True)
    periods = serializers.IntegerField(required=False, allow_null=True, min_value=3, max_value=1_000)
    steps = serializers.ListField(child=serializers.CharField(max_length=255), required=False, max_length=20)
    hours = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=100_000)
    grain = serializers.ChoiceField(["", *get_args(Grain)], required=False)


class YesOrNo(serializers.BooleanField):
    """true or false; nothing else is taken for one of them."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class MetricDraft(Body):
    """A metric as the form has it. What is left out stays as it was."""

    label = serializers.CharField(required=False, allow_blank=True)  # type: ignore[assignment]
    meaning = serializers.CharField(required=False, allow_blank=True)
    context = serializers.CharField(required=False, allow_blank=True)  # type: ignore[assignment]
    formula = serializers.CharField(required=False, allow_blank=True)
    model = serializers.CharField(
        required=False, allow_blank=True, help_text="Where the formula's fields are."
    )
    time = serializers.CharField(required=False, allow_blank=True, help_text="The date to count by.")
    value_format = serializers.ChoiceField(FORMATS, required=False)
    owner = serializers.CharField(required=False, allow_blank=True)
    group = serializers.CharField(required=False, allow_blank=True)
    why = serializers.CharField(required=False, allow_blank=True)
    rules = RuleShape(many=True, required=False)
    synonyms = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Other names of it."
    )
    certified = YesOrNo(required=False, help_text="Whether others may rely on it.")

    @staticmethod
    def over(stored: MetricFields, given: Mapping[str, Any]) -> MetricFields:
        """The stored fields with those that were given in their place."""
        sent = {
            name: with_plain_lines(value) if isinstance(value, str) else value
            for name, value in given.items()
        }
        merged = MetricFields.from_json({**stored.to_json(), **sent})
        return MetricFields.from_json({**merged.to_json(), "name": name_from(merged.label)})


class Opening(MetricDraft):
    changing = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=255,
        help_text="The dbt name of the metric that is to be changed; what is left out stays as it is there.",
    )


class DraftChange(MetricDraft):
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, help_text="The version that the change was made from."
    )


class Approval(Body):
    content_hash = serializers.CharField(help_text="Of the content that was read.")
    note = serializers.CharField(required=False, allow_blank=True, default="")


class Return(Body):
    note = serializers.CharField(help_text="What should change.")


class RenameVerdict(Body):
    same = serializers.BooleanField(help_text="Whether it is one thing under two names.")


class ViewDraft(Body):
    name = serializers.CharField(max_length=80, help_text="A view of yours with this name is replaced.")
    query = serializers.CharField(
        max_length=MOST_WORDS,
        help_text="As the catalogue's address has it: q, kind, owner and only, for example "
        "q=orders&kind=model. What does not exist narrows nothing.",
    )


class DeploymentWish(Body):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)


# -- What is shown --------------------------------------------------------------------------------------


class CheckShape(serializers.ModelSerializer[Check]):
    result = serializers.DictField(read_only=True, help_text="What was found, for example the numbers.")

    class Meta:
        model = Check
        fields = (
            "kind",
            "status",
            "message",
            "result",
            "content_hash",
            "run_id",
            "started_at",
            "finished_at",
        )


class ReviewShape(serializers.ModelSerializer[Review]):
    person = Person(read_only=True)

    class Meta:
        model = Review
        fields = ("person", "verdict", "content_hash", "note", "stands", "at")


class CommentShape(Body, serializers.ModelSerializer[Comment]):
    author = Person(read_only=True)

    class Meta:
        model = Comment
        fields = ("id", "author", "body", "at")
        read_only_fields = ("at",)


class ProposalShape(serializers.ModelSerializer[Proposal]):
    author = Person(read_only=True)
    target: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField("slug", read_only=True)

    class Meta:
        model = Proposal
        fields = (
            "number",
            "title",
            "status",
            "author",
            "target",
            "created_at",
            "changed_at",
            "submitted_at",
            "approved_at",
            "published_at",
            "published_commit",
            "returned_reason",
        )


class FileShape(serializers.Serializer[Any]):
    path = serializers.CharField()
    new = serializers.BooleanField()
    before = serializers.CharField()
    after = serializers.CharField()


class ConflictShape(serializers.ModelSerializer[Conflict]):
    """A field that dbt and the proposal changed differently; `field` is empty for the whole metric."""

    decided_by = Person(read_only=True, allow_null=True)
    base = serializers.JSONField(help_text="What was agreed.")
    ours = serializers.JSONField(help_text="What is proposed.")
    theirs = serializers.JSONField(help_text="What dbt says.")
    chosen = serializers.JSONField(allow_null=True)
    digest = serializers.CharField(help_text="What a decision may name as seen.")

    class Meta:
        model = Conflict
        fields = (
            *("id", "field", "base", "ours", "theirs", "digest", "commit", "author", "committed_at"),
            *("state", "chosen", "decided_by", "decided_at"),
        )
        read_only_fields = fields


class Decision(Body):
    choice = serializers.ChoiceField([choice for choice in ConflictState.values if choice != "open"])
    own = serializers.CharField(
        required=False, allow_blank=True, help_text="The value, where neither of the two is chosen."
    )
    digest = serializers.RegexField(
        "^[0-9a-f]{64}$",
        required=False,
        allow_blank=True,
        help_text="Of the states that were read; 409 where they are others by now.",
    )


class ItemShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.CharField(source="revision.kind")
    version = serializers.IntegerField(source="revision.version")
    content = serializers.DictField(source="revision.fields", help_text="What it says.")
    base = serializers.DictField(
        source="revision.base", help_text="What dbt says of it today; empty for something new."
    )
    files = FileShape(many=True, help_text="The files as they would become.")
    conflicts = ConflictShape(many=True, read_only=True)


class StepShape(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    state = serializers.ChoiceField(["done", "now", "failed", "todo"])
    detail = serializers.CharField()


class ProgressShape(serializers.Serializer[Any]):
    run_id = serializers.IntegerField(allow_null=True, help_text="The run that commits.")
    deployment = serializers.IntegerField(allow_null=True, help_text="The number of the deployment.")
    error = serializers.CharField(help_text="Why publishing stopped, in words.")


class EventShape(serializers.Serializer[Any]):
    who = serializers.CharField()
    what = serializers.CharField()
    at = serializers.DateTimeField()


class ProposalDetail(ProposalShape):
    published_by = Person(read_only=True, allow_null=True)
    items = ItemShape(many=True, read_only=True)
    checks = CheckShape(many=True, read_only=True)
    reviews = ReviewShape(many=True, read_only=True)
    comments = CommentShape(many=True, read_only=True)
    content_hash = serializers.SerializerMethodField(help_text="What an approval names as seen.")
    approvals_needed = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()
    history = serializers.SerializerMethodField()

    class Meta(ProposalShape.Meta):
        fields = (  # type: ignore[assignment]
            *ProposalShape.Meta.fields,
            "published_by",
            "content_hash",
            "approvals_needed",
            "items",
            "checks",
            "reviews",
            "comments",
            "progress",
            "steps",
            "history",
        )

    def get_content_hash(self, proposal: Proposal) -> str:
        return content.hash_of(proposal, list(proposal.items.all()))

    def get_approvals_needed(self, _proposal: Proposal) -> int:
        return APPROVALS_NEEDED

    @extend_schema_field(ProgressShape)
    def get_progress(self, proposal: Proposal) -> dict[str, object]:
        found = self._progress(proposal)
        return {
            "run_id": found.run.pk if found.run else None,
            "deployment": found.deployment.number if found.deployment else None,
            "error": found.error,
        }

    @extend_schema_field(StepShape(many=True))
    def get_steps(self, proposal: Proposal) -> Any:
        steps = selectors.steps(proposal, list(proposal.checks.all()), self._progress(proposal))
        return StepShape(steps, many=True).data

    @extend_schema_field(EventShape(many=True))
    def get_history(self, proposal: Proposal) -> Any:
        events = [{"who": who, "what": what, "at": at} for who, _by, what, at in selectors.history(proposal)]
        return EventShape(events, many=True).data

    def _progress(self, proposal: Proposal) -> selectors.Progress:
        if not hasattr(self, "_found"):
            self._found = selectors.progress(proposal)
        return self._found


class ProblemShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    level = serializers.ChoiceField(["error", "warning", "hint"])
    message = serializers.CharField()
    hint = serializers.CharField()
    start = serializers.IntegerField(help_text="Where in the formula it begins.")
    end = serializers.IntegerField()


class SimilarShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    why = serializers.ChoiceField(["formula", "name"], help_text="What they have in common.")
    formula = serializers.CharField()


class PreviewShape(serializers.Serializer[Any]):
    """What a draft comes to; parts that cannot be had are null, and `trouble` says why."""

    problems = ProblemShape(many=True, source="analysis.problems", help_text="What the formula lacks.")
    reads_as = serializers.CharField(source="analysis.reads_as", help_text="The formula as a sentence.")
    missing = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="By field, what has to change before it can be sent for review.",
    )
    grain = serializers.CharField()
    points = PointShape(many=True, source="numbers.points", allow_null=True, default=None)
    sql = serializers.CharField(source="numbers.sql", default="")
    total = serializers.FloatField(allow_null=True)
    yaml = serializers.CharField(help_text="The dbt code as it would be written.")
    notes = serializers.ListField(child=serializers.CharField())
    similar = SimilarShape(many=True, help_text="Metrics that are the same, or nearly.")
    trouble = serializers.CharField()
