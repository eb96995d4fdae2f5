"""How far a project has come on its way from an address to a first proposal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from environments.models import Deployment, Environment, EnvironmentKind
from environments.selectors import environments_of
from governance.models import Project
from workspace.models import Repository, Run, RunStatus

# Each step with its name and the kind of run that tests it.
STEPS = (
    ("repository", _("Repository"), ""),
    ("remote", _("Reach it"), "repository.test"),
    ("project", _("Find the dbt project"), "repository.find"),
    ("parse", _("Read it with dbt"), "repository.parse"),
    ("warehouse", _("Warehouse"), "connection.test"),
    ("build", _("Build staging"), "environment.deploy"),
    ("pull", _("First pull"), "pull"),
    ("done", _("First proposal"), ""),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One page of the way; `state` is done, now, failed or todo."""

    slug: str
    label: str
    state: str

    @property
    def url_name(self) -> str:
        return f"connect-{self.slug}"


class Connecting:
    """A project on its way. A step is done when its test has passed and its question is answered."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.repository = _repository_of(project)
        self._latest = _latest_runs(project)

    @cached_property
    def staging(self) -> Environment | None:
        """The environment that is built to see whether it can be: never production."""
        return environments_of(self.project).filter(kind=EnvironmentKind.STAGING).first()

    @cached_property
    def deployment(self) -> Deployment | None:
        """The last attempt to build it."""
        made = Deployment.objects.filter(environment=self.staging).select_related("run__project")
        return made.order_by("-id").first()

    def run(self, slug: str) -> Run | None:
        """The last test of a step."""
        if slug == "build":
            return self.deployment.run if self.deployment is not None else None
        return self._latest.get(next((kind for step, _label, kind in STEPS if step == slug), ""))

    def passed(self, slug: str) -> bool:
        """Whether the test of a step went well, and nothing before it was tested again since."""
        if slug == "repository":
            return self.repository is not None
        if slug == "build":
            return self.staging is not None and self.staging.live is not None
        if slug == "pull":
            return self.repository is not None and bool(self.repository.synced_commit)
        run = self.run(slug)
        if run is None or run.status != RunStatus.SUCCEEDED:
            return False
        if slug == "remote":
            return (
                self.repository is not None
                and run.result.get("url") == self.repository.url
                and ("branches" in run.result)
            )
        before = {"project": "remote", "parse": "project"}.get(slug)
        return before is None or _later(run, self.run(before))

    def done(self, slug: str) -> bool:
        """Whether a step needs nothing more."""
        after = {"remote": "project", "project": "parse"}.get(slug)
        return self.passed(slug) and (after is None or _later(self.run(after), self.run(slug)))

    @cached_property
    def current(self) -> str:
        """The first step that needs something."""
        return next((slug for slug, _label, _kind in STEPS if not self.done(slug)), "done")

    @property
    def commit(self) -> str:
        """What dbt has read last."""
        run = self.run("parse")
        return str(run.result.get("commit", "")) if run is not None else ""

    def steps(self) -> list[Step]:
        """All of them, with their states."""
        slugs = [slug for slug, _label, _kind in STEPS]
        here = slugs.index(self.current)
        found = []
        for number, (slug, label, _kind) in enumerate(STEPS):
            run = self.run(slug)
            failed = run is not None and run.status in {RunStatus.FAILED, RunStatus.CANCELLED}
            state = "done" if number < here else "todo" if number > here else "failed" if failed else "now"
            found.append(Step(slug, str(label), state))
        return found

    def reached(self, slug: str) -> bool:
        """Whether everything before a step is done."""
        slugs = [step for step, _label, _kind in STEPS]
        return slugs.index(slug) <= slugs.index(self.current)


def _repository_of(project: Project) -> Repository | None:
    # Without the warehouse's password: one that no key opens is typed anew on these very pages.
    found = Repository.objects.filter(project=project).select_related("connection")
    return found.defer("connection__password").first()


def _latest_runs(project: Project) -> dict[str, Run]:
    kinds = [kind for _slug, _label, kind in STEPS if kind and kind != "environment.deploy"]
    mine = Run.objects.filter(project=project, kind__in=kinds).order_by()
    newest = mine.values("kind").annotate(newest=Max("pk")).values("newest")
    return {run.kind: run for run in Run.objects.filter(pk__in=newest).select_related("project")}


def _later(one: Run | None, other: Run | None) -> bool:
    return one is not None and other is not None and one.pk > other.pk
