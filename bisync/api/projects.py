"""Projects over the API: who one is, what one may see, pulls, environments, runs."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.api import drafts, shapes
from bisync.api.auth import require_scope
from bisync.api.base import ApiView, InProject, Listed, Listing, Single, deed, read
from bisync.api.parsing import Bytes
from catalog.actions import artifact_upload
from catalog.models import Change, Snapshot
from environments.actions import deployment_request
from environments.freshness import freshness_request
from environments.models import Deployment, Environment
from environments.selectors import environments_of, told_of
from governance.actions import project_create
from governance.models import ApiToken, Membership, Project, User
from governance.models.tokens import Scope
from workspace.actions import pull_request, run_cancel, run_retry
from workspace.models import Repository, Run

# Runs that neither push a commit nor change what readers see; to repeat any other one is to publish.
HARMLESS = frozenset({"pull", "catalog.lineage", "catalog.index", "environment.freshness", "proposal.check"})


class MeView(ApiView):
    """Who this token belongs to, and what it may be used for."""

    @extend_schema(operation_id="me", responses=shapes.Me)
    def get(self, request: Request) -> Response:
        scopes = request.auth.scopes if isinstance(request.auth, ApiToken) else Scope.values
        return Response({"email": self.user.email, "name": self.user.name, "scopes": scopes})


class Projects(Listed):
    """The projects that you may see; POST makes one without a repository, for uploaded artifacts."""

    serializer_class = shapes.ProjectShape

    @deed(Scope.OPERATE, takes=shapes.NewProject, gives={201: shapes.ProjectShape})
    def post(self, request: Request, **_path: Any) -> Response:
        project = project_create(**read(shapes.NewProject, request.data), actor=self.user)
        return Response(shapes.ProjectShape(project).data, status=status.HTTP_201_CREATED)

    def get_queryset(self) -> QuerySet[Project]:
        return Project.objects.visible_to(self.user)


class OneProject(Single):
    """One project, its repository, and your roles in it."""

    serializer_class = shapes.ProjectDetail

    def found(self) -> Project:
        return self.project


class Members(Listing):
    """The people in a project and their roles."""

    serializer_class = shapes.MemberShape

    def get_queryset(self) -> QuerySet[User]:
        here = Membership.objects.filter(project=self.project)
        people = User.objects.filter(pk__in=here.values("user"))
        return people.prefetch_related(Prefetch("memberships", here, to_attr="held"))


class Pulls(Listing):
    """What each pull brought, newest first; POST asks for another one."""

    serializer_class = shapes.PullShape

    def get_queryset(self) -> QuerySet[Snapshot]:
        return Snapshot.objects.filter(project=self.project)

    @deed(Scope.OPERATE, gives={202: shapes.RunShape})
    def post(self, _request: Request, **_path: Any) -> Response:
        run = pull_request(project=self.project, actor=self.user)
        return Response(shapes.RunShape(run).data, status=status.HTTP_202_ACCEPTED)


class Artifacts(InProject):
    """What dbt wrote in your own pipeline: run_results.json, sources.json, catalog.json, manifest.json."""

    parser_classes = (Bytes,)

    @deed(Scope.OPERATE, takes=shapes.Artifact, gives={200: shapes.ArtifactTaken}, name="artifact_upload")
    def post(self, request: Request, **_path: Any) -> Response:
        """The body is the file as dbt wrote it, plain or by Content-Encoding: gzip."""
        asked = read(shapes.ArtifactAsked, request.query_params.dict())
        slug, rank = told_of(self.project, asked["environment"])
        sent: dict[str, Any] = dict(request.data)
        taken = artifact_upload(
            project=self.project,
            name=self.kwargs["name"],
            content=sent.get("content", b""),
            environment=slug,
            rank=rank,
            actor=self.user,
        )
        return Response(shapes.ArtifactTaken({"new": taken.new, "run": taken.run}).data)


class OnePull(Single):
    """One pull, with how much changed."""

    serializer_class = shapes.PullDetail

    def found(self) -> Snapshot:
        return get_object_or_404(Snapshot, project=self.project, pk=self.kwargs["pk"])


class PullChanges(Listing):
    """What a pull brought, changed or took away, the last noted first."""

    serializer_class = shapes.ChangeShape

    def get_queryset(self) -> QuerySet[Change]:
        pull = get_object_or_404(Snapshot, project=self.project, pk=self.kwargs["pk"])
        return pull.changed.select_related("snapshot")


class Environments(Listing):
    """Development, staging, production, each with its live version."""

    serializer_class = shapes.EnvironmentShape

    def get_queryset(self) -> QuerySet[Environment]:
        return environments_of(self.project).select_related("live__requested_by")


class OneEnvironment(Single):
    """One environment with its live version."""

    serializer_class = shapes.EnvironmentShape

    def found(self) -> Environment:
        return self.environment()


class Deployments(Listing):
    """An environment's versions, newest first; POST has the last pulled commit built and made live."""

    serializer_class = shapes.DeploymentShape

    def get_queryset(self) -> QuerySet[Deployment]:
        versions = Deployment.objects.filter(environment=self.environment())
        return versions.select_related("requested_by")

    @deed(Scope.PUBLISH, takes=drafts.DeploymentWish, gives={202: shapes.DeploymentShape})
    def post(self, request: Request, **_path: Any) -> Response:
        environment = self.environment()
        wish = read(drafts.DeploymentWish, request.data)
        deployment = deployment_request(
            environment=environment,
            commit=get_object_or_404(Repository, project=self.project).synced_commit,
            reason=wish["reason"],
            actor=self.user,
        )
        return Response(shapes.DeploymentShape(deployment).data, status=status.HTTP_202_ACCEPTED)


class Freshness(InProject):
    """How fresh the sources are that an environment's live version reads, as dbt finds it."""

    @deed(Scope.OPERATE, gives={202: shapes.RunShape}, name="freshness_look")
    def post(self, _request: Request, **_path: Any) -> Response:
        """Have dbt source freshness run; the run's `result` has `counts` by dbt's words, and a sentence."""
        run = freshness_request(environment=self.environment(), actor=self.user)
        return Response(shapes.RunShape(run).data, status=status.HTTP_202_ACCEPTED)


class Runs(Listing):
    """Background work, newest first."""

    serializer_class = shapes.RunShape

    def get_queryset(self) -> QuerySet[Run]:
        return Run.objects.filter(project=self.project).for_list()


class OneRun(Single):
    """One run: how far it is, its commands, and what they printed."""

    serializer_class = shapes.RunDetail

    def found(self) -> Run:
        runs = Run.objects.filter(project=self.project).for_list().prefetch_related("commands")
        return get_object_or_404(runs, pk=self.kwargs["pk"])


class RunCancel(InProject):
    """Stop a run that waits or works."""

    @deed(Scope.OPERATE, gives={202: shapes.RunShape})
    def post(self, _request: Request, **_path: Any) -> Response:
        run = get_object_or_404(Run, project=self.project, pk=self.kwargs["pk"])
        shown = shapes.RunShape(run_cancel(run=run, actor=self.user))
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)


class RunRetry(InProject):
    """Ask again for what a finished run was to do. Repeating what publishes needs the scope to publish."""

    @deed(Scope.OPERATE, gives={202: shapes.RunShape})
    def post(self, request: Request, **_path: Any) -> Response:
        run = get_object_or_404(Run, project=self.project, pk=self.kwargs["pk"])
        if run.kind not in HARMLESS:
            require_scope(request, Scope.PUBLISH)
        shown = shapes.RunShape(run_retry(run=run, actor=self.user))
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)
