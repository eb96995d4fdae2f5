"""One run over all checks of a proposal, each telling its own outcome as it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib import crash
from bisync.lib.errors import BisyncError
from environments import builds
from environments.plan import trial
from environments.selectors import quoted
from proposals import content, generate
from proposals.broken import broken_promises
from proposals.computing import Trial, calculation_sentence, metric_result, rewritten_result
from proposals.kinds import kind_of
from proposals.models import Check, CheckKind, CheckStatus, Item, Proposal
from proposals.trying import plain, told_outcomes
from semantic.codegen.metrics import Compiled
from semantic.codegen.sql_models.rule_trials import outcomes_sql
from semantic.importer import vocabulary as vocabulary_from
from semantic.query.engine import NotComputable, engine_for, with_relations
from semantic.query.spec import Unsupported
from workspace import holds, runs
from workspace.dbt import artifacts
from workspace.dbt.errors import DbtBuildFailed
from workspace.dbt.runner import Dbt
from workspace.git.repository import Mirror
from workspace.repositories import mirror_of, workdir
from workspace.warehouse.gate import open_warehouse
from workspace.warehouse.location import Location


class CheckFailed(BisyncError):
    """A check that has said why in its own row; the run ends quietly."""

    code = "check-failed"
    message = "%(why)s"


class ChecksReplaced(BisyncError):
    """Other content is being checked by now: nobody asks for this outcome any more."""

    code = "checks-replaced"
    message = _("The proposal was changed or sent again meanwhile, so other checks run.")


class CheckRun:
    """The checks of one proposal in one run. Later checks are skipped once one has failed."""

    def __init__(self, work: runs.Work, proposal: Proposal) -> None:
        self.work = work
        self.proposal = proposal
        self.items: list[Item] = list(proposal.items.select_related("revision").order_by("id"))
        self.hash = content.content_hash(self.items)
        self.checks = {check.kind: check for check in proposal.checks.filter(run=work.run)}
        self.target = proposal.target
        self.code: list[Compiled] = []
        self.known = generate.known_for(proposal)
        self.before = self.known.names

    def all(self) -> dict[str, object]:
        """Run them in order; returns which passed. A failed check is a result, not an error."""
        repository = self.proposal.project.repository
        mirror = mirror_of(repository)
        outcome: dict[str, object] = {}
        try:
            self.step(CheckKind.RULES, self.rules)
            head = mirror.fetch()
            holds.require_known(self.work, repository, mirror, head)
            edits = self.step(CheckKind.FILES, lambda: self.files(mirror, head))
            with (
                mirror.worktree(head) as tree,
                workdir() as into,
                builds.sandbox(self.target, self.work.run) as location,
            ):
                for edit in edits:
                    file = tree / edit.path
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(edit.after)
                dbt = builds.dbt_for(self.target, repository, tree=tree, into=into, location=location)
                manifest = self.step(CheckKind.PARSE, lambda: self.parse(dbt))
                built = self.step(CheckKind.BUILD, lambda: self.build(dbt, manifest, location, into))
                self.step(CheckKind.NUMBERS, lambda: self.numbers(location, built))
        except CheckFailed:
            self._skip_the_rest()
        for kind, check in self.checks.items():
            outcome[kind] = check.status
        return outcome

    def step(self, kind: CheckKind, action: Callable[[], Any]) -> Any:
        """Run one check, its row telling that it runs, what came out, and why not."""
        if kind not in self.checks:
            raise ChecksReplaced
        crash.point(f"check-{kind.value}")
        check = self.checks[kind]
        self._tell(check, CheckStatus.RUNNING, started_at=timezone.now())
        self.work.progress(step=kind.value)
        try:
            result = action()
        except (runs.LeaseLost, CheckFailed, ChecksReplaced):
            raise
        except (BisyncError, Unsupported, NotComputable) as exc:
            if self.work.cancelled.is_set():
                raise
            self.fail(check, str(exc))
        if check.status == CheckStatus.RUNNING:
            self._tell(check, CheckStatus.PASSED, finished_at=timezone.now())
        return result

    def fail(self, check: Check, why: str, **result: object) -> NoReturn:
        """Note why a check failed, and leave the run."""
        self._tell(
            check,
            CheckStatus.FAILED,
            message=why,
            result={**check.result, **result},
            finished_at=timezone.now(),
        )
        raise CheckFailed(why=why)

    def _tell(self, check: Check, status: CheckStatus, **also: object) -> None:
        check.status = status
        for name, value in also.items():
            setattr(check, name, value)
        with self.work.fenced():
            if not Check.objects.filter(pk=check.pk).update(status=status, **also):
                raise ChecksReplaced

    def _skip_the_rest(self) -> None:
        for check in self.checks.values():
            if check.status == CheckStatus.WAITING:
                self._tell(check, CheckStatus.SKIPPED)

    def rules(self) -> None:
        """The definitions are complete and clash with nothing; their code can be generated."""
        check = self.checks[CheckKind.RULES]
        known, reads_as, tables = self.known, {}, {}
        warnings: list[str] = []
        for item in self.items:
            revision, kind = item.revision, kind_of(item.revision)
            problems = kind.sending_problems(revision.content, known, revision.agreed)
            if problems:
                self.fail(check, " ".join(text for texts in problems.values() for text in texts))
            code = generate.remaining_of(item, known, dialect=self.target.connection.adapter)
            if code is None:
                self.fail(
                    check, "The repository changed since this was sent. Take it back and send it again."
                )
            self.code.append(code)
            warnings += [*kind.warnings(revision.content, known), *code.notes]
            reads_as[str(item.pk)] = kind.reads_as(revision.content, known)
            if table := kind.as_table(revision.content, known):
                tables[str(item.pk)] = table
            known = known.having(code.after, code.changes)
        result = {"reads_as": reads_as, "tables": tables}
        self._tell(check, CheckStatus.RUNNING, message=" ".join(warnings), result=result)

    def files(self, mirror: Mirror, head: str) -> list[generate.FileEdit]:
        """The files as they would become; only the new entries differ."""
        check = self.checks[CheckKind.FILES]
        edits = generate.file_edits(
            self.code,
            lambda path: generate.present(mirror, head, path),
            folder=self.proposal.project.repository.folder,
        )
        shown = [
            {
                "path": edit.path,
                "before": (edit.before or b"").decode(),
                "after": edit.after.decode(),
                "new": edit.before is None,
            }
            for edit in edits
        ]
        with self.work.fenced():
            for item in self.items:
                item.files, item.base_commit = shown, head
                item.save(update_fields=["files", "base_commit"])
        count = len(edits)
        message = f"{count} file{'s' if count != 1 else ''}; every other byte stays as it is."
        self._tell(check, CheckStatus.RUNNING, message=message, result={"commit": head})
        return edits

    def parse(self, dbt: Dbt) -> dict[str, Any]:
        """dbt reads the project with the change in it; its manifest."""
        dbt.deps()
        manifest = artifacts.read_manifest((dbt.parse() / "manifest.json").read_bytes())
        names = ", ".join(name for code in self.code for name in code.metrics) or "it"
        self._tell(
            self.checks[CheckKind.PARSE], CheckStatus.RUNNING, message=f"dbt reads {names} without complaint."
        )
        return manifest

    def build(
        self, dbt: Dbt, manifest: dict[str, Any], location: Location, into: Path
    ) -> builds.Built | None:
        """The models that the change is about are built and tested beside the live version."""
        check = self.checks[CheckKind.BUILD]
        live = self.target.live
        models = sorted({name for code in self.code for name in code.models})
        if not models:
            of_source = any(item.revision.kind == "test" for item in self.items)
            words = str(_("Nothing has to be built: only words change."))
            source = str(_("dbt builds no source: the next build looks whether its rows keep the rule."))
            self._tell(check, CheckStatus.RUNNING, message=source if of_source else words)
            return None
        wanted = trial(manifest, models=models, live=live.relations if live else {})
        try:
            built = builds.build(
                dbt,
                location,
                live=live,
                select=wanted.select,
                exclude=wanted.exclude,
                into=into,
                on_progress=builds.teller(self.work),
            )
        except DbtBuildFailed as exc:
            failed = exc.params["nodes"]
            said = self.broken_examples(failed) or broken_promises(self.items, failed, manifest, self.known)
            if said:
                self.fail(check, said)
            raise
        tests = sum(result.status == "pass" for result in built.results.results)
        message = f"{', '.join(models)} built, {tests} test{'s' if tests != 1 else ''} passed."
        self._tell(check, CheckStatus.RUNNING, message=message, result=builds.summary(built.results))
        return built

    def broken_examples(self, failed: Any) -> str:
        """In plain words, where nothing failed but the examples of this proposal's rules; else ""."""
        revisions = [item.revision for item in self.items]
        said = [
            next(filter(None, (kind_of(one).failed(one.content, node) for one in revisions)), "")
            for node in failed
        ]
        return " ".join(said) if all(said) else ""

    def numbers(self, location: Location, built: builds.Built | None) -> None:
        """MetricFlow's SQL and our own give the same number, and it keeps the promised rules."""
        check = self.checks[CheckKind.NUMBERS]
        metrics = [item for item in self.items if item.revision.kind == "metric"]
        pairs = list(zip(self.items, self.code, strict=True))
        made = [(item, code.models[0]) for item, code in pairs if item.revision.kind == "calculation"]
        rewritten = [
            (item, name) for item, code in pairs for name in code.metrics if item.revision.kind != "metric"
        ]
        rules = self.outcomes(location, built)
        if built is None or not (metrics or made or rewritten):
            message = told_outcomes(rules) or str(_("No number changes."))
            self._tell(check, CheckStatus.RUNNING, message=message, result={"rules": rules})
            return
        semantic = artifacts.read_semantic_manifest(built.semantic_manifest)
        after = vocabulary_from(artifacts.read_manifest(built.manifest), semantic, built.columns)
        relations = {
            model.name: quoted(*built.relations[model.unique_id])
            for model in after.models.values()
            if model.unique_id in built.relations
        }
        results: list[dict[str, object]] = []
        with open_warehouse(location) as warehouse:
            if metrics or rewritten:
                engine = engine_for(with_relations(semantic, relations, after), location.adapter)
                built_apart = Trial(self.before, after, relations, engine, warehouse)
                results = self._computed(metrics, rewritten, built_apart)
            counted = [
                calculation_sentence(item.revision, model, relations, warehouse) for item, model in made
            ]
        said = [*(str(result["sentence"]) for result in results), *counted, told_outcomes(rules)]
        message = "; ".join(filter(None, said))
        self._tell(check, CheckStatus.RUNNING, message=message, result={"metrics": results, "rules": rules})

    def _computed(
        self, metrics: Sequence[Item], rewritten: Sequence[tuple[Item, str]], trial: Trial
    ) -> list[dict[str, object]]:
        """What each metric comes to; fails the check with the first that nobody should approve."""
        found = [(item, metric_result(item.revision, trial)) for item in metrics]
        others = [(item, rewritten_result(name, trial)) for item, name in rewritten]
        results = []
        for item, told in [*found, *((item, one) for item, one in others if one is not None)]:
            result = {"item": item.pk, **told}
            results.append(result)
            if result.get("wrong"):
                self.fail(self.checks[CheckKind.NUMBERS], str(result["wrong"]), metrics=results)
        return results

    def outcomes(self, location: Location, built: builds.Built | None) -> list[dict[str, Any]]:
        """How many rows each business rule says what of, counted in the models that were built."""
        pairs = zip(self.items, self.code, strict=True)
        rules = [(item, code.models[-1]) for item, code in pairs if item.revision.kind == "rule"]
        if built is None or not rules:
            return []
        places = {uid.split(".")[2]: place for uid, place in built.relations.items()}
        found = []
        with open_warehouse(location) as warehouse:
            for item, model in rules:
                if model not in places:  # ephemeral: it has no rows of its own
                    continue
                content = item.revision.content
                sql = outcomes_sql(quoted(*places[model]), content.name, location.adapter)
                counts = [[plain(value), int(str(count))] for value, count in warehouse.query(sql).rows]
                found.append({"item": item.pk, "title": content.title, "outcomes": counts})
        return found
