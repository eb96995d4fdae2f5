"""The catalogue over the API: what dbt knows, the metrics, their numbers, and what formulas may use."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.api import drafts, known, shapes
from bisync.api.base import InProject, Listing, Single, deed, read
from bisync.api.standing import Judging
from catalog import actions
from catalog.models import Change, Group, Node, SavedView
from catalog.narrowing import narrowed_by
from catalog.selectors import adapter_of, fitting_nodes, history_of, reads_of, views_of
from environments.models import MetricSeries
from governance.models.tokens import Scope
from insights.ledger import Ledger, ledger_of
from insights.selectors import metric_view, metrics_of, searched
from proposals.selectors import names_for
from semantic.models import Definition


class Groups(Listing):
    """dbt's groups and their owners."""

    serializer_class = known.GroupShape

    def get_queryset(self) -> QuerySet[Group]:
        return Group.objects.filter(project=self.project)


class Nodes(Judging, Listing):
    """Models, sources, seeds, exposures, metrics and the rest, as the last pull saw them."""

    serializer_class = known.NodeShape
    asks = drafts.NodeSearch

    def get_queryset(self) -> QuerySet[Node]:
        nodes = Node.objects.filter(project=self.project).select_related("group")
        if kind := self.asked.get("kind"):
            nodes = nodes.filter(resource_type=kind)
        if words := self.asked.get("q", ""):
            nodes = nodes.filter(pk__in=fitting_nodes(self.project, words))
        return nodes


class OneNode(Judging, Single):
    """One thing that dbt knows: its columns and tests, what it reads, and what reads it."""

    serializer_class = known.NodeDetail

    def found(self) -> Node:
        nodes = Node.objects.filter(project=self.project).select_related("group")
        node = get_object_or_404(
            nodes.prefetch_related("columns", "tests"), unique_id=self.kwargs["unique_id"]
        )
        self.judge([node.unique_id])
        return node

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "reads": reads_of(adapter_of(self.project))}


class NodeHistory(Listing):
    """What pulls changed of one thing since the first, newest first."""

    serializer_class = shapes.ChangeShape

    def get_queryset(self) -> QuerySet[Change]:
        named = {"project": self.project, "unique_id": self.kwargs["unique_id"]}
        changes = Change.objects.filter(**named)
        if not changes.exists():  # what is gone has a history, too
            get_object_or_404(Node, **named)
        return history_of(Node(**named))


class RenameSettle(InProject):
    """Say whether what came and went with the same code is one thing; the last word counts."""

    @deed(Scope.APPROVE, takes=drafts.RenameVerdict, gives={200: shapes.ChangeShape})
    def post(self, request: Request, **path: Any) -> Response:
        changes = Change.objects.select_related("project", "snapshot")
        change = get_object_or_404(changes, project=self.project, unique_id=path["unique_id"], pk=path["pk"])
        same = read(drafts.RenameVerdict, request.data)["same"]
        actions.rename_settle(change=change, same=same, actor=self.user)
        return Response(shapes.ChangeShape(change).data)


class NodeOwners(Single):
    """Who owns each field of one thing, since when, and what is written without effect."""

    serializer_class = shapes.LedgerShape

    def found(self) -> Ledger:
        nodes = Node.objects.filter(project=self.project).select_related("project")
        return ledger_of(get_object_or_404(nodes, unique_id=self.kwargs["unique_id"]))


class SavedViews(Listing):
    """Your own ways of looking at the catalogue, newest first; POST saves one."""

    serializer_class = known.SavedViewShape

    def get_queryset(self) -> QuerySet[SavedView]:
        return views_of(self.project, self.user)

    @deed(Scope.PROPOSE, takes=drafts.ViewDraft, gives={200: known.SavedViewShape})
    def post(self, request: Request, **_path: Any) -> Response:
        given = read(drafts.ViewDraft, request.data)
        query = narrowed_by(given["query"]).query
        view = actions.view_save(project=self.project, name=given["name"], query=query, actor=self.user)
        return Response(known.SavedViewShape(view).data)


class SavedViewDelete(InProject):
    """Forget a view of yours; the answer is what it was."""

    @deed(Scope.PROPOSE, gives={200: known.SavedViewShape})
    def post(self, _request: Request, **path: Any) -> Response:
        view = get_object_or_404(views_of(self.project, self.user), pk=path["pk"])
        shown = known.SavedViewShape(view).data
        actions.view_delete(view=view, actor=self.user)
        return Response(shown)


class Metrics(Judging, Listing):
    """The project's metrics."""

    serializer_class = shapes.MetricShape
    asks = drafts.MetricSearch

    def get_queryset(self) -> QuerySet[Definition]:
        metrics = metrics_of(self.project).exclude(unique_id="", state="draft")
        if state := self.asked.get("state"):
            metrics = metrics.filter(state=state)
        return searched(metrics, self.asked.get("q", ""))


class OneMetric(Judging, Single):
    """One metric: what it means, where it is used, and the proposals that made it."""

    serializer_class = shapes.MetricDetail

    def found(self) -> Definition:
        metrics = Definition.objects.filter(project=self.project, kind="metric").select_related("project")
        metric = get_object_or_404(metrics.prefetch_related("usages"), name=self.kwargs["name"])
        self.judge([metric.unique_id])
        return metric


class MetricNumbers(InProject):
    """A metric's values in one environment."""

    asks = drafts.ByPeriod

    @extend_schema(responses=shapes.NumbersShape)
    def get(self, _request: Request, **_path: Any) -> Response:
        place, grain = self.environment(), self.asked["grain"]
        definition = get_object_or_404(
            Definition, project=self.project, kind="metric", name=self.kwargs["name"]
        )
        view = metric_view(place, definition, grain=grain)
        shown = {
            "environment": place.slug,
            "grain": grain,
            "here": view.metric is not None,
            "formula": view.formula,
            "reads_as": view.reads_as,
            "points": view.numbers.points if view.numbers else [],
            "trouble": view.trouble,
            "sql": view.numbers.sql if view.numbers else "",
        }
        return Response(shapes.NumbersShape(shown).data)


class Series(Listing):
    """The months of every metric that the environment's live version has, as they were at its deployment."""

    serializer_class = shapes.SeriesShape

    def get_queryset(self) -> QuerySet[MetricSeries]:
        # Without a live version there are none: deployment is never null.
        return MetricSeries.objects.filter(deployment=self.environment().live)


class Vocabulary(InProject):
    """The functions, columns and metrics that a formula may use in an environment."""

    @extend_schema(responses=shapes.VocabularyShape)
    def get(self, _request: Request, **_path: Any) -> Response:
        return Response(shapes.VocabularyShape(names_for(self.project, self.environment())).data)
