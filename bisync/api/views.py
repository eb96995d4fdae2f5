"""The API's views: find what the person may see, call the action that a page would call, show the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias, get_args

from django.db.models import Prefetch, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from bisync.api import shapes
from bisync.api.repeats import HEADER, once
from bisync.lib.errors import BisyncError, InvalidInput
from catalog.models import Node, Snapshot
from environments.actions import deployment_request
from environments.models import Environment
from environments.selectors import environments_of
from governance import permissions
from governance.models import ApiToken, Project, User
from governance.models.tokens import Scope
from insights.selectors import metric_view, metrics_of
from proposals import selectors
from proposals.actions import authoring, publishing, reviewing
from proposals.models import Item, Proposal
from semantic.definitions import Grain
from semantic.models import Definition
from workspace.actions import pull_request, run_cancel, run_retry
from workspace.models import Repository, Run

KEY = OpenApiParameter(
    HEADER, str, OpenApiParameter.HEADER, description="Makes a repetition do nothing twice."
)
KIND = OpenApiParameter("kind", str, description="model, source, seed, exposure, …")
NEEDS = OpenApiParameter("needs", str, enum=["me"], description="Only what waits for you.")
SEARCH = OpenApiParameter("q", str, description="Words that all have to be found.")
GRAINS: tuple[Grain, ...] = get_args(Grain)
Act: TypeAlias = Callable[[Proposal, User, dict[str, Any]], object]


class NothingPulled(BisyncError):
    code = "nothing-pulled"
    message = _("Nothing has been pulled yet, so there is no commit to build. Pull first.")
    http_status = 409


class Pages(CursorPagination):
    """Newest first; `next` is the address of the next page."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = "-id"


class InProject(GenericAPIView[Any]):
    """What views about one project share. The project is looked for among those that the person may see."""

    scope: ClassVar[str] = Scope.READ
    pagination_class = Pages

    @property
    def user(self) -> User:
        user = self.request.user
        assert isinstance(user, User)
        return user

    @property
    def project(self) -> Project:
        found = get_object_or_404(Project.objects.visible_to(self.user), slug=self.kwargs["project"])
        permissions.require(self.user, "project.view", found)
        return found

    def found(self) -> Proposal:
        """The proposal of the address, with all that its shape shows."""
        items = Prefetch("items", Item.objects.select_related("revision").order_by("id"))
        visible = Proposal.objects.visible_to(self.user).select_related("author", "target__live", "project")
        shown = visible.prefetch_related(items, "checks", "reviews__person", "comments__author")
        return get_object_or_404(shown, project=self.project, number=self.kwargs["number"])

    def environment(self) -> Environment:
        known = environments_of(self.project).select_related("live")
        return get_object_or_404(known, slug=self.kwargs["environment"])


class Listing(ListModelMixin, InProject):
    """A list in pages."""

    def get(self, request: Request, **_path: Any) -> Response:
        return self.list(request)


class MeView(APIView):
    """Who this token belongs to, and what it may be used for."""

    @extend_schema(operation_id="me", responses=shapes.Me)
    def get(self, request: Request) -> Response:
        scopes = request.auth.scopes if isinstance(request.auth, ApiToken) else Scope.values
        assert isinstance(request.user, User)
        return Response({"email": request.user.email, "name": request.user.name, "scopes": scopes})


class Projects(ListAPIView[Project]):
    """The projects that you may see."""

    serializer_class = shapes.ProjectShape
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Project]:
        assert isinstance(self.request.user, User)
        return Project.objects.visible_to(self.request.user)


class Pulls(Listing):
    """What each pull brought, newest first; POST asks for another one."""

    serializer_class = shapes.PullShape
    scope = Scope.OPERATE

    def get_queryset(self) -> QuerySet[Snapshot]:
        return Snapshot.objects.filter(project=self.project)

    @extend_schema(parameters=[KEY], request=None, responses={202: shapes.RunShape})
    @once
    def post(self, _request: Request, **_path: Any) -> Response:
        run = pull_request(project=self.project, actor=self.user)
        return Response(shapes.RunShape(run).data, status=status.HTTP_202_ACCEPTED)


@extend_schema_view(get=extend_schema(parameters=[SEARCH, KIND]))
class Catalogue(Listing):
    """Models, sources, seeds, exposures, metrics and the rest, as the last pull saw them."""

    serializer_class = shapes.NodeShape

    def get_queryset(self) -> QuerySet[Node]:
        nodes = Node.objects.filter(project=self.project).select_related("group")
        if kind := self.request.query_params.get("kind", ""):
            nodes = nodes.filter(resource_type=_clean(kind))
        for word in _clean(self.request.query_params.get("q", "")).split():
            nodes = nodes.filter(Q(name__icontains=word) | Q(description__icontains=word))
        return nodes


class CatalogueNode(InProject):
    """One thing that dbt knows, with its columns."""

    @extend_schema(responses=shapes.NodeDetail)
    def get(self, _request: Request, **_path: Any) -> Response:
        nodes = Node.objects.filter(project=self.project).select_related("group").prefetch_related("columns")
        node = get_object_or_404(nodes, unique_id=_clean(self.kwargs["unique_id"]))
        return Response(shapes.NodeDetail(node).data)


@extend_schema_view(get=extend_schema(parameters=[SEARCH]))
class Metrics(Listing):
    """The project's metrics."""

    serializer_class = shapes.MetricShape

    def get_queryset(self) -> QuerySet[Definition]:
        metrics = metrics_of(self.project).exclude(unique_id="", state="draft")
        for word in _clean(self.request.query_params.get("q", "")).split():
            metrics = metrics.filter(
                Q(name__icontains=word) | Q(label__icontains=word) | Q(description__icontains=word)
            )
        return metrics


class Metric(InProject):
    @extend_schema(responses=shapes.MetricShape)
    def get(self, _request: Request, **_path: Any) -> Response:
        return Response(shapes.MetricShape(self.definition()).data)

    def definition(self) -> Definition:
        name = _clean(self.kwargs["name"])
        return get_object_or_404(Definition, project=self.project, kind="metric", name=name)


class MetricNumbers(Metric):
    """A metric's values in one environment."""

    @extend_schema(
        parameters=[OpenApiParameter("grain", str, enum=list(GRAINS), default="month")],
        responses=shapes.NumbersShape,
    )
    def get(self, _request: Request, **_path: Any) -> Response:
        asked = self.request.query_params.get("grain", "month")
        grain = next((grain for grain in GRAINS if grain == asked), None)
        if grain is None:
            raise InvalidInput({"grain": [_("Choose from: %(names)s.") % {"names": ", ".join(GRAINS)}]})
        place = self.environment()
        view = metric_view(place, self.definition(), grain=grain)
        shown = {
            "environment": place.slug,
            "grain": grain,
            "points": view.numbers.points if view.numbers else [],
            "trouble": view.trouble,
            "sql": view.numbers.sql if view.numbers else "",
        }
        return Response(shapes.NumbersShape(shown).data)


class Environments(Listing):
    """Development, staging, production, each with its live version."""

    serializer_class = shapes.EnvironmentShape

    def get_queryset(self) -> QuerySet[Environment]:
        return environments_of(self.project).select_related("live")


class Deployments(InProject):
    """Build the last pulled commit in an environment and make it live."""

    scope = Scope.PUBLISH

    @extend_schema(parameters=[KEY], request=shapes.DeploymentWish, responses={202: shapes.DeploymentShape})
    @once
    def post(self, request: Request, **_path: Any) -> Response:
        environment = self.environment()
        wish = _read(shapes.DeploymentWish, request)
        repository = Repository.objects.filter(project=environment.project_id).first()
        if repository is None or not repository.synced_commit:
            raise NothingPulled
        deployment = deployment_request(
            environment=environment,
            commit=repository.synced_commit,
            reason=wish["reason"],
            actor=self.user,
        )
        return Response(shapes.DeploymentShape(deployment).data, status=status.HTTP_202_ACCEPTED)


class Runs(Listing):
    """Background work, newest first."""

    serializer_class = shapes.RunShape

    def get_queryset(self) -> QuerySet[Run]:
        return Run.objects.filter(project=self.project).select_related("requested_by")


class OneRun(InProject):
    def run(self) -> Run:
        runs = Run.objects.filter(project=self.project).select_related("requested_by", "project")
        return get_object_or_404(runs.prefetch_related("commands"), pk=self.kwargs["pk"])


class RunView(OneRun):
    """One run with its commands and what they printed."""

    @extend_schema(responses=shapes.RunDetail)
    def get(self, _request: Request, **_path: Any) -> Response:
        return Response(shapes.RunDetail(self.run()).data)


class RunCancel(OneRun):
    """Stop a run that waits or works."""

    scope = Scope.OPERATE

    @extend_schema(parameters=[KEY], request=None, responses={202: shapes.RunShape})
    @once
    def post(self, _request: Request, **_path: Any) -> Response:
        run = run_cancel(run=self.run(), actor=self.user)
        return Response(shapes.RunShape(run).data, status=status.HTTP_202_ACCEPTED)


class RunRetry(OneRun):
    """Ask again for what a finished run was to do."""

    scope = Scope.OPERATE

    @extend_schema(parameters=[KEY], request=None, responses={202: shapes.RunShape})
    @once
    def post(self, _request: Request, **_path: Any) -> Response:
        run = run_retry(run=self.run(), actor=self.user)
        return Response(shapes.RunShape(run).data, status=status.HTTP_202_ACCEPTED)


@extend_schema_view(get=extend_schema(parameters=[NEEDS]))
class Proposals(Listing):
    """Proposals, newest first; POST opens a draft."""

    serializer_class = shapes.ProposalShape
    scope = Scope.PROPOSE

    def get_queryset(self) -> QuerySet[Proposal]:
        project = self.project
        if self.request.query_params.get("needs") == "me":
            return selectors.needing(self.user, project).select_related("author", "target")
        visible = Proposal.objects.visible_to(self.user).filter(project=project)
        return visible.select_related("author", "target")

    @extend_schema(parameters=[KEY], request=shapes.MetricDraft, responses={201: shapes.ProposalDetail})
    @once
    def post(self, request: Request, **_path: Any) -> Response:
        proposal = authoring.proposal_open(project=self.project, author=self.user)
        draft = _checked(shapes.MetricDraft, request)
        _save(draft, proposal, version=1, actor=self.user)
        self.kwargs["number"] = proposal.number
        return Response(shapes.ProposalDetail(self.found()).data, status=status.HTTP_201_CREATED)


class ProposalView(InProject):
    """One proposal; PATCH changes a draft, and answers 409 where somebody was faster."""

    scope = Scope.PROPOSE

    @extend_schema(responses=shapes.ProposalDetail)
    def get(self, _request: Request, **_path: Any) -> Response:
        return Response(shapes.ProposalDetail(self.found()).data)

    @extend_schema(parameters=[KEY], request=shapes.DraftChange, responses=shapes.ProposalDetail)
    @once
    def patch(self, request: Request, **_path: Any) -> Response:
        proposal = self.found()
        change = _checked(shapes.DraftChange, request)
        _save(change, proposal, version=change.validated_data["version"], actor=self.user)
        return Response(shapes.ProposalDetail(self.found()).data)


class Comments(InProject):
    scope = Scope.PROPOSE

    @extend_schema(parameters=[KEY], request=shapes.CommentShape, responses={201: shapes.CommentShape})
    @once
    def post(self, request: Request, **_path: Any) -> Response:
        proposal = self.found()
        body = _read(shapes.CommentShape, request)["body"]
        comment = reviewing.comment_add(proposal=proposal, body=body, actor=self.user)
        return Response(shapes.CommentShape(comment).data, status=status.HTTP_201_CREATED)


def step(
    name: str, scope: Scope, act: Act, takes: type[BaseSerializer[Any]] | None = None
) -> type[InProject]:
    """A view that takes a proposal one step further, and shows it."""

    class Step(InProject):
        @extend_schema(
            operation_id=f"proposal_{name}",
            parameters=[KEY],
            request=takes,
            responses=shapes.ProposalDetail,
        )
        @once
        def post(self, request: Request, **_path: Any) -> Response:
            proposal = self.found()
            act(proposal, self.user, _read(takes, request) if takes else {})
            return Response(shapes.ProposalDetail(self.found()).data)

    Step.scope = scope
    Step.__name__ = Step.__qualname__ = f"Proposal{name.title()}"
    return Step


STEPS: dict[str, type[InProject]] = {
    "submit": step("submit", Scope.PROPOSE, lambda p, u, _g: authoring.proposal_submit(proposal=p, actor=u)),
    "take-back": step(
        "take_back", Scope.PROPOSE, lambda p, u, _g: authoring.proposal_take_back(proposal=p, actor=u)
    ),
    "withdraw": step(
        "withdraw", Scope.PROPOSE, lambda p, u, _g: authoring.proposal_withdraw(proposal=p, actor=u)
    ),
    "check": step("check", Scope.PROPOSE, lambda p, u, _g: authoring.checks_repeat(proposal=p, actor=u)),
    "approve": step(
        "approve",
        Scope.APPROVE,
        lambda p, u, given: reviewing.proposal_approve(
            proposal=p, seen=given["content_hash"], actor=u, note=given["note"]
        ),
        shapes.Approval,
    ),
    "return": step(
        "return",
        Scope.APPROVE,
        lambda p, u, given: reviewing.proposal_return(proposal=p, note=given["note"], actor=u),
        shapes.Return,
    ),
    "publish": step(
        "publish", Scope.PUBLISH, lambda p, u, _g: publishing.proposal_publish(proposal=p, actor=u)
    ),
    "publish-again": step(
        "publish_again", Scope.PUBLISH, lambda p, u, _g: publishing.publishing_repeat(proposal=p, actor=u)
    ),
}


def _checked(shape: type[BaseSerializer[Any]], request: Request) -> Any:
    read = shape(data=request.data)
    read.is_valid(raise_exception=True)
    return read


def _read(shape: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    found: dict[str, Any] = _checked(shape, request).validated_data
    return found


def _save(draft: shapes.MetricDraft, proposal: Proposal, *, version: int, actor: User) -> None:
    """Keep a draft whole or not at all: a program has no form that keeps what it typed."""
    stored = proposal.items.select_related("revision").get().revision.metric
    saved = authoring.draft_save(proposal=proposal, fields=draft.over(stored), version=version, actor=actor)
    if saved.problems:
        raise InvalidInput(saved.problems)


def _clean(text: str) -> str:
    """Without NUL, which PostgreSQL refuses in any comparison."""
    return text.replace("\x00", "")[:400]
