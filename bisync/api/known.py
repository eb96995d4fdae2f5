"""What dbt knows, as the API shows it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bisync.api.standing import Judged
from catalog.models import Column, Group, Node, NodeTest, SavedView
from catalog.quality.rules import KINDS, Rule, unread
from catalog.selectors import children_of, parents_of


class GroupShape(serializers.ModelSerializer[Group]):
    class Meta:
        model = Group
        fields = ("name", "owner_name", "owner_email")


class SavedViewShape(serializers.ModelSerializer[SavedView]):
    url = serializers.CharField(source="get_absolute_url", read_only=True, help_text="On this server.")

    class Meta:
        model = SavedView
        fields = ("id", "name", "query", "url")


class NodeName(serializers.ModelSerializer[Node]):
    class Meta:
        model = Node
        fields = ("unique_id", "resource_type", "name")


class NodeShape(Judged, NodeName):
    group: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        "name", read_only=True, allow_null=True
    )
    tags = serializers.ListField(child=serializers.CharField(), read_only=True)
    meta = serializers.DictField(read_only=True)

    class Meta(NodeName.Meta):
        fields = (  # type: ignore[assignment]
            *NodeName.Meta.fields,
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
            "trust",
        )


class ColumnShape(serializers.ModelSerializer[Column]):
    meta = serializers.DictField(read_only=True)

    class Meta:
        model = Column
        fields = ("name", "data_type", "description", "meta")


class NodeTestShape(serializers.ModelSerializer[NodeTest]):
    """A test in dbt's words, and the data quality rule that it is."""

    arguments = serializers.DictField(read_only=True)
    rule = serializers.SerializerMethodField(help_text="The kind of data quality rule.")
    sentence = serializers.SerializerMethodField(help_text="The rule in plain words.")
    parameters = serializers.SerializerMethodField(help_text="Under names that all tests of a kind share.")
    consequence = serializers.SerializerMethodField(help_text="What follows where it is broken, in words.")

    class Meta:
        model = NodeTest
        fields = (
            "name",
            "kind",
            "column",
            "arguments",
            "severity",
            "description",
            "rule",
            "sentence",
            "parameters",
            "consequence",
        )

    def _told(self, test: NodeTest) -> Rule:
        about = test.node.name if test.node is not None else ""
        return test.told(about, self.context.get("reads", unread))

    @extend_schema_field(serializers.ChoiceField([(kind, kind) for kind in KINDS]))
    def get_rule(self, test: NodeTest) -> str:
        return self._told(test).kind

    def get_sentence(self, test: NodeTest) -> str:
        return self._told(test).sentence

    @extend_schema_field(serializers.DictField())
    def get_parameters(self, test: NodeTest) -> Any:
        return self._told(test).parameters

    def get_consequence(self, test: NodeTest) -> str:
        return self._told(test).consequence


class NodeDetail(NodeShape):
    columns = ColumnShape(many=True, read_only=True)
    tests = NodeTestShape(many=True, read_only=True)
    parents = serializers.SerializerMethodField(help_text="What it reads.")
    children = serializers.SerializerMethodField(help_text="What reads it.")

    class Meta(NodeShape.Meta):
        fields = (  # type: ignore[assignment]
            *NodeShape.Meta.fields,
            "patch_path",
            "fields",
            "columns",
            "tests",
            "parents",
            "children",
        )

    @extend_schema_field(NodeName(many=True))
    def get_parents(self, node: Node) -> Any:
        return NodeName(parents_of(node), many=True).data

    @extend_schema_field(NodeName(many=True))
    def get_children(self, node: Node) -> Any:
        return NodeName(children_of(node), many=True).data
