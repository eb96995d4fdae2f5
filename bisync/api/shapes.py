"""What the API shows and takes. Nothing here saves."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from catalog.models import Column, Node, Snapshot
from environments.models import Deployment, Environment
from governance.models import Project, User
from proposals import content
from proposals.models import Check, Comment, Proposal, Review
from semantic.fields import MetricFields, name_from
from semantic.models import Definition
from workspace.models import Run, RunCommand

FORMATS = ("number", "integer", "currency", "percent")
RULES = ("not_null", "positive", "percentage", "range")


class Person(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("email", "name")


class Me(Person):
    scopes = serializers.ListField(
        child=serializers.CharField(), help_text="What this token may be used for."
    )

    class Meta(Person.Meta):
        fields = ("email", "name", "scopes")  # type: ignore[assignment]


class ProjectShape(serializers.ModelSerializer[Project]):
    class Meta:
        model = Project
        fields = ("slug", "name", "created_at")


class RunCommandShape(serializers.ModelSerializer[RunCommand]):
    class Meta:
        model = RunCommand
        fields = ("name", "exit_code", "started_at", "finished_at", "output")


class RunShape(serializers.ModelSerializer[Run]):
    requested_by = Person(read_only=True)
    error = serializers.CharField(read_only=True, help_text="Why it failed, in words.")
    seconds = serializers.FloatField(read_only=True, allow_null=True)

    class Meta:
        model = Run
        fields = (
            "id",
            "kind",
            "status",
            "attempt",
            "progress",
            "result",
            "error_code",
            "error",
            "requested_by",
            "created_at",
            "finished_at",
            "seconds",
        )


class RunDetail(RunShape):
    commands = RunCommandShape(many=True, read_only=True)

    class Meta(RunShape.Meta):
        fields = (*RunShape.Meta.fields, "commands")  # type: ignore[assignment]


class PullShape(serializers.ModelSerializer[Snapshot]):
    class Meta:
        model = Snapshot
        fields = (
            "id",
            "commit",
            "subject",
            "author",
            "committed_at",
            "dbt_version",
            "adapter",
            "counts",
            "changes",
            "created_at",
        )


class NodeShape(serializers.ModelSerializer[Node]):
    group: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField("name", read_only=True)

    class Meta:
        model = Node
        fields = (
            "unique_id",
            "resource_type",
            "name",
            "label",
            "description",
            "package",
            "path",
            "relation",
            "materialized",
            "group",
            "access",
            "tags",
            "meta",
        )


class ColumnShape(serializers.ModelSerializer[Column]):
    class Meta:
        model = Column
        fields = ("name", "data_type", "description", "meta")


class NodeDetail(NodeShape):
    columns = ColumnShape(many=True, read_only=True)

    class Meta(NodeShape.Meta):
        fields = (*NodeShape.Meta.fields, "fields", "columns")  # type: ignore[assignment]


class MetricShape(serializers.ModelSerializer[Definition]):
    class Meta:
        model = Definition
        fields = (
            "name",
            "label",
            "description",
            "formula",
            "state",
            "file",
            "published_commit",
            "changed_at",
        )


class PointShape(serializers.Serializer[Any]):
    period = serializers.DateField(help_text="The first day of the period.")
    value = serializers.FloatField(allow_null=True)


class NumbersShape(serializers.Serializer[Any]):
    environment = serializers.CharField()
    grain = serializers.CharField()
    points = PointShape(many=True)
    trouble = serializers.CharField(help_text="Why there is no number, in words; empty where there is one.")
    sql = serializers.CharField()


class DeploymentShape(serializers.ModelSerializer[Deployment]):
    class Meta:
        model = Deployment
        fields = ("number", "status", "commit", "reason", "created_at", "live_at", "error")

    error = serializers.CharField(read_only=True)


class EnvironmentShape(serializers.ModelSerializer[Environment]):
    live = DeploymentShape(read_only=True, allow_null=True)

    class Meta:
        model = Environment
        fields = ("slug", "name", "kind", "dbt_target", "schema", "branch", "variables", "live")


class RuleShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=RULES)
    low = serializers.FloatField(required=False, allow_null=True, default=None)
    high = serializers.FloatField(required=False, allow_null=True, default=None)


class MetricDraft(serializers.Serializer[Any]):
    """A metric as the form has it. What is left out stays as it was."""

    label = serializers.CharField(required=False, allow_blank=True)  # type: ignore[assignment]
    meaning = serializers.CharField(required=False, allow_blank=True)
    context = serializers.CharField(required=False, allow_blank=True)  # type: ignore[assignment]
    formula = serializers.CharField(required=False, allow_blank=True)
    model = serializers.CharField(
        required=False, allow_blank=True, help_text="Where the formula's fields are."
    )
    time = serializers.CharField(required=False, allow_blank=True, help_text="The date to count by.")
    value_format = serializers.ChoiceField(choices=FORMATS, required=False)
    owner = serializers.CharField(required=False, allow_blank=True)
    group = serializers.CharField(required=False, allow_blank=True)
    why = serializers.CharField(required=False, allow_blank=True)
    rules = RuleShape(many=True, required=False)

    def over(self, stored: MetricFields) -> MetricFields:
        """The stored fields with those that were given in their place."""
        given = dict(self.validated_data)
        merged = MetricFields.from_json({**stored.to_json(), **given})
        return MetricFields.from_json({**merged.to_json(), "name": name_from(merged.label)})


class DraftChange(MetricDraft):
    version = serializers.IntegerField(min_value=1, help_text="The version that the change was made from.")


class CheckShape(serializers.ModelSerializer[Check]):
    class Meta:
        model = Check
        fields = ("kind", "status", "message", "content_hash", "run_id", "started_at", "finished_at")


class ReviewShape(serializers.ModelSerializer[Review]):
    person = Person(read_only=True)

    class Meta:
        model = Review
        fields = ("person", "verdict", "content_hash", "note", "stands", "at")


class CommentShape(serializers.ModelSerializer[Comment]):
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
            "submitted_at",
            "approved_at",
            "published_at",
            "published_commit",
            "returned_reason",
        )


class ItemShape(serializers.Serializer[Any]):
    version = serializers.IntegerField(source="revision.version")
    metric = serializers.JSONField(source="revision.fields")
    files = serializers.JSONField(help_text="Per file: path, before, after.")


class ProposalDetail(ProposalShape):
    items = ItemShape(many=True, read_only=True)
    checks = CheckShape(many=True, read_only=True)
    reviews = ReviewShape(many=True, read_only=True)
    comments = CommentShape(many=True, read_only=True)
    content_hash = serializers.SerializerMethodField(help_text="What an approval names as seen.")

    class Meta(ProposalShape.Meta):
        fields = (  # type: ignore[assignment]
            *ProposalShape.Meta.fields,
            "content_hash",
            "items",
            "checks",
            "reviews",
            "comments",
        )

    def get_content_hash(self, proposal: Proposal) -> str:
        return content.hash_of(proposal)


class Approval(serializers.Serializer[Any]):
    content_hash = serializers.CharField(help_text="Of the content that was read.")
    note = serializers.CharField(required=False, allow_blank=True, default="")


class Return(serializers.Serializer[Any]):
    note = serializers.CharField(help_text="What should change.")


class DeploymentWish(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, default="", max_length=200)


class Failure(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    params = serializers.DictField()
