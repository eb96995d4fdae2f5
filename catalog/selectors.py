"""What is next to a thing that dbt knows."""

from __future__ import annotations

from django.db.models import QuerySet

from catalog.models import Edge, Node


def parents_of(node: Node) -> QuerySet[Node]:
    """What a node reads."""
    edges = Edge.objects.filter(project=node.project_id, child=node.unique_id)
    return Node.objects.filter(project=node.project_id, unique_id__in=edges.values("parent"))


def children_of(node: Node) -> QuerySet[Node]:
    """What reads a node."""
    edges = Edge.objects.filter(project=node.project_id, parent=node.unique_id)
    return Node.objects.filter(project=node.project_id, unique_id__in=edges.values("child"))
