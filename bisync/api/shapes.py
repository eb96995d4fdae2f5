"""What the API shows. Nothing here saves."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bisync.api.standing import Judged
from catalog.models import Change, Snapshot
from environments.models import Deployment, Environment, MetricSeries
from environments.numbers import Numbers
from governance.models import Project, User
from governance.permissions import roles_of
from governance.roles import Role
from insights import selectors as insights
from proposals.models import Proposal
from semantic.models import Definition, Usage
from workspace.models import Connection, Repository, Run, RunCommand


class Failure(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="What programs go by; it stays the same.")
    message = serializers.CharField(help_text="What happened and what to do next, for people.")
    params = serializers.DictField(help_text="What the message speaks of.")


class NewProject(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, help_text="What people call it.")
    slug = serializers.RegexField(r"^[a-z][a-z0-9-]*$", max_length=40, help_text="Part of every address.")


class Artifact(serializers.Serializer[Any]):
    """The file as dbt wrote it."""

    metadata = serializers.DictField(help_text="With dbt_schema_version and generated_at.")


class ArtifactAsked(serializers.Serializer[Any]):
    environment = serializers.CharField(
        default="", max_length=60, allow_blank=True, help_text="Where it was made; production, if left out."
    )


# -- People and projects --------------------------------------------------------------------------------


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


class MemberShape(Person):
    roles = serializers.SerializerMethodField()

    class Meta(Person.Meta):
        fields = ("email", "name", "is_active", "roles")  # type: ignore[assignment]

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(Role.choices)))
    def get_roles(self, person: Any) -> list[str]:
        return sorted(membership.role for membership in person.held)


class ProjectShape(serializers.ModelSerializer[Project]):
    class Meta:
        model = Project
        fields = ("slug", "name", "created_at")


class RepositoryShape(serializers.ModelSerializer[Repository]):
    class Meta:
        model = Repository
        fields = ("url", "branch", "folder", "synced_commit", "synced_at")


class ProjectDetail(ProjectShape):
    repository = RepositoryShape(read_only=True, allow_null=True, default=None)
    roles = serializers.SerializerMethodField(help_text="Yours.")

    class Meta(ProjectShape.Meta):
        fields = (*ProjectShape.Meta.fields, "repository", "roles")  # type: ignore[assignment]

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(Role.choices)))
    def get_roles(self, project: Project) -> list[str]:
        return sorted(roles_of(self.context["request"].user, project))


# -- Runs, pulls, environments --------------------------------------------------------------------------


class RunCommandShape(serializers.ModelSerializer[RunCommand]):
    class Meta:
        model = RunCommand
        fields = ("name", "attempt", "exit_code", "started_at", "finished_at", "output")


class RunShape(serializers.ModelSerializer[Run]):
    title = serializers.CharField(read_only=True)
    requested_by = Person(read_only=True, allow_null=True)
    progress = serializers.DictField(read_only=True, help_text="step, and while dbt builds done of total.")
    result = serializers.DictField(read_only=True)
    error = serializers.CharField(read_only=True, help_text="Why it failed, in words.")
    seconds = serializers.FloatField(read_only=True, allow_null=True)

    class Meta:
        model = Run
        fields = (
            "id",
            "kind",
            "title",
            "status",
            "attempt",
            "progress",
            "result",
            "error_code",
            "error",
            "requested_by",
            "created_at",
            "claimed_at",
            "finished_at",
            "seconds",
        )


class ArtifactTaken(serializers.Serializer[Any]):
    new = serializers.IntegerField(help_text="How many results, or tables, it brought.")
    run = RunShape(allow_null=True, help_text="What goes on with it.")


class RunDetail(RunShape):
    commands = RunCommandShape(many=True, read_only=True)

    class Meta(RunShape.Meta):
        fields = (*RunShape.Meta.fields, "commands")  # type: ignore[assignment]


class FieldChange(serializers.Serializer[Any]):
    """One field of a thing, before and after; of a column it is named `column.field`."""

    name = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    commit = serializers.CharField(
        help_text="That wrote the line; where `file` is empty, the last one known to have touched the files."
    )
    author = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    file = serializers.CharField(help_text="In the dbt project.")
    line = serializers.IntegerField(help_text="From 1; 0 stands for the whole file.")


class ChangeShape(serializers.ModelSerializer[Change]):
    commit = serializers.CharField(source="brought.commit", read_only=True)
    author = serializers.CharField(source="brought.author", read_only=True)
    renamed = serializers.CharField(
        read_only=True, help_text="What came, or went, in the same pull and may be the same; else empty."
    )
    same = serializers.BooleanField(
        read_only=True, allow_null=True, help_text="Whether that is this thing; null while nobody said."
    )
    fields_changed = serializers.SerializerMethodField()

    class Meta:
        model = Change
        fields = (
            "id",
            "snapshot_id",
            "commit",
            "author",
            "unique_id",
            "resource_type",
            "name",
            "kind",
            "renamed",
            "evidence",
            "same",
            "fields_changed",
        )

    @extend_schema_field(FieldChange(many=True))
    def get_fields_changed(self, change: Change) -> Any:
        return FieldChange(list(change.told()), many=True).data


class PlaceShape(serializers.Serializer[Any]):
    """One place that gives a field a value."""

    owner = serializers.ChoiceField(["dbt", "proposal", "warehouse", "default"])
    value = serializers.CharField()
    file = serializers.CharField(help_text="In the dbt project; empty where no file says it.")
    first = serializers.IntegerField(help_text="The first line; 0 stands for the whole file.")
    last = serializers.IntegerField()
    commit = serializers.CharField(source="commit.sha", default="")
    author = serializers.CharField(source="commit.author.name", default="")
    since = serializers.DateTimeField(allow_null=True)
    proposal = serializers.IntegerField(source="proposal.number", default=None, allow_null=True)
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)
    masked = serializers.CharField(help_text="Why the value has no effect; empty where it has.")


class LedgerLineShape(serializers.Serializer[Any]):
    column = serializers.CharField(help_text="Empty for a field of the whole.")
    field = serializers.CharField()
    places = PlaceShape(many=True, help_text="The one that counts first.")


class LedgerShape(serializers.Serializer[Any]):
    commit = serializers.CharField()
    lines = LedgerLineShape(many=True)
    columns = LedgerLineShape(many=True)
    more = serializers.IntegerField(help_text="How many fields are left out.")
    problems = serializers.ListField(child=serializers.CharField(), help_text="What is not known, and why.")


class ChangesShape(serializers.Serializer[Any]):
    first = serializers.BooleanField(default=False, help_text="Of the first pull everything was new.")
    added = serializers.IntegerField(default=0)
    changed = serializers.IntegerField(default=0)
    removed = serializers.IntegerField(default=0)


class PullShape(serializers.ModelSerializer[Snapshot]):
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)

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
            "run_id",
            "created_at",
        )


class PullDetail(PullShape):
    changes = ChangesShape(read_only=True)

    class Meta(PullShape.Meta):
        fields = (*PullShape.Meta.fields, "changes")  # type: ignore[assignment]


class ConnectionShape(serializers.ModelSerializer[Connection]):
    class Meta:
        model = Connection
        fields = ("name", "adapter")


class DeploymentShape(serializers.ModelSerializer[Deployment]):
    requested_by = Person(read_only=True, allow_null=True)
    error = serializers.CharField(read_only=True, help_text="Why it failed, in words.")

    class Meta:
        model = Deployment
        fields = (
            "number",
            "status",
            "commit",
            "reason",
            "requested_by",
            "run_id",
            "created_at",
            "live_at",
            "error_code",
            "error",
        )


class EnvironmentShape(serializers.ModelSerializer[Environment]):
    connection = ConnectionShape(read_only=True)
    variables = serializers.DictField(read_only=True)
    live = DeploymentShape(read_only=True, allow_null=True)

    class Meta:
        model = Environment
        fields = ("slug", "name", "kind", "connection", "dbt_target", "schema", "branch", "variables", "live")


# -- Metrics --------------------------------------------------------------------------------------------


class MetricShape(Judged, serializers.ModelSerializer[Definition]):
    type = serializers.CharField(source="fields.type", read_only=True, default="")
    value_format = serializers.SerializerMethodField(help_text="number, integer, currency or percent.")
    owner = serializers.SerializerMethodField()

    class Meta:
        model = Definition
        fields = (
            "name",
            "label",
            "description",
            "type",
            "formula",
            "value_format",
            "owner",
            "state",
            "file",
            "published_commit",
            "published_at",
            "changed_at",
            "trust",
        )

    def get_value_format(self, definition: Definition) -> str:
        return insights.value_format(definition.fields.get("meta"))

    def get_owner(self, definition: Definition) -> str:
        return insights.owner(definition.fields.get("meta"))


class UsageShape(serializers.ModelSerializer[Usage]):
    class Meta:
        model = Usage
        fields = ("kind", "key", "label", "url", "owner")


class PublishedShape(serializers.ModelSerializer[Proposal]):
    author = Person(read_only=True)
    published_by = Person(read_only=True, allow_null=True)

    class Meta:
        model = Proposal
        fields = ("number", "title", "author", "published_by", "published_at", "published_commit")


class MetricDetail(MetricShape):
    usages = UsageShape(many=True, read_only=True, help_text="Where it is used.")
    open_proposal = serializers.SerializerMethodField(
        help_text="The number of the proposal that is about to change it."
    )
    history = serializers.SerializerMethodField(help_text="The proposals that made it what it is.")

    class Meta(MetricShape.Meta):
        fields = (*MetricShape.Meta.fields, "usages", "open_proposal", "history")  # type: ignore[assignment]

    def get_open_proposal(self, definition: Definition) -> int | None:
        found = insights.open_proposal(definition.project, definition, self.context["request"].user)
        return found.number if found else None

    @extend_schema_field(PublishedShape(many=True))
    def get_history(self, definition: Definition) -> Any:
        return PublishedShape(insights.published_by(definition), many=True).data


class PointShape(serializers.Serializer[Any]):
    period = serializers.DateField(help_text="The first day of the period.")
    value = serializers.FloatField(allow_null=True)


class NumbersShape(serializers.Serializer[Any]):
    environment = serializers.CharField()
    grain = serializers.CharField()
    here = serializers.BooleanField(help_text="Whether the environment's live version has this metric.")
    formula = serializers.CharField()
    reads_as = serializers.CharField(help_text="The formula as a sentence.")
    points = PointShape(many=True)
    trouble = serializers.CharField(help_text="Why there is no number, in words; empty where there is one.")
    sql = serializers.CharField()


class SeriesShape(serializers.ModelSerializer[MetricSeries]):
    points = serializers.SerializerMethodField()

    class Meta:
        model = MetricSeries
        fields = ("metric", "points")

    @extend_schema_field(PointShape(many=True))
    def get_points(self, series: MetricSeries) -> Any:
        return PointShape(Numbers.stored(series.points).points, many=True).data


class FunctionShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    signature = serializers.CharField()
    summary = serializers.CharField()
    example = serializers.CharField()


class FieldShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    type = serializers.CharField()
    table = serializers.CharField()
    description = serializers.CharField()


class KnownMetric(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    description = serializers.CharField()


class VocabularyShape(serializers.Serializer[Any]):
    functions = FunctionShape(many=True)
    columns = FieldShape(many=True, source="fields")
    metrics = KnownMetric(many=True)
