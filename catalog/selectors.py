"""What is next to a thing that dbt knows."""

from __future__ import annotations

from django.db.models import QuerySet

from catalog.models import Edge, Node

# Other nodes use them, too, but no data flows.
USED = ("macro", "doc")


def parents_of(node: Node) -> QuerySet[Node]:
    """What a node reads, without the macros and docs blocks that it uses."""
    edges = Edge.objects.filter(project=node.project_id, child=node.unique_id)
    parents = Node.objects.filter(project=node.project_id, unique_id__in=edges.values("parent"))
    return parents.exclude(resource_type__in=USED)


def children_of(node: Node) -> QuerySet[Node]:
    """What reads a node, or uses it."""
    edges = Edge.objects.filter(project=node.project_id, parent=node.unique_id)
    return Node.objects.filter(project=node.project_id, unique_id__in=edges.values("child"))
