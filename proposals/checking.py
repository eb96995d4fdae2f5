"""One run over all checks of a proposal, each telling its own outcome as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib import crash
from bisync.lib.errors import BisyncError, InvalidInput
from environments import builds
from environments.plan import trial
from environments.selectors import known_in, quoted
from proposals import content, generate
from proposals.actions.authoring import lock
from proposals.actions.hand_edits import definitions_follow
from proposals.broken import broken_promises
from proposals.computing import (
    Trial,
    affected_results,
    calculation_sentence,
    metric_result,
    rewritten_result,
)
from proposals.kinds import kind_of
from proposals.models import Check, CheckKind, CheckStatus, HandEdit, Item, Proposal
from proposals.outcomes import rule_result
from proposals.reading_back import NotAsDefinition, said_by_hand
from proposals.trying import told_outcomes
from semantic.codegen.metrics import Compiled
from semantic.fields import Fields
from semantic.importer import vocabulary as vocabulary_from
from semantic.promised import PromiseFields
from semantic.query.engine import NotComputable, engine_for, with_relations
from semantic.query.spec import Unsupported
from semantic.removals import RemovalFields
from workspace import holds, runs
from workspace.dbt import artifacts
from workspace.dbt.errors import DbtBuildFailed
from workspace.dbt.runner import Dbt
from workspace.git.repository import Mirror
from workspace.repositories import mirror_of, workdir
from workspace.warehouse.gate import open_warehouse
from workspace.warehouse.location import Location

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


def why_unbuilt(contents: Sequence[Fields]) -> StrPromise:
    """Why dbt has nothing to build for a proposal that changes no model."""
    if any(isinstance(one, PromiseFields) for one in contents):
        return _("dbt builds no source: the next build looks whether its rows keep the rule.")
    if any(isinstance(one, RemovalFields) and one.how != "deprecate" for one in contents):
        return _("Nothing has to be built: no model changes, and dbt reads what is left.")
    return _("Nothing has to be built: only words change.")


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
        self.hash = content.hash_of(proposal, self.items)
        self.checks = {check.kind: check for check in proposal.checks.filter(run=work.run)}
        self.target = proposal.target
        self.code: list[Compiled] = []
        self.by_hand: list[HandEdit] = []
        # What dbt reads, as manifest and semantic manifest; the first where something was edited by hand.
        self.as_generated = self.as_edited = (b"", b"")
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
                dbt = builds.dbt_for(self.target, repository, tree=tree, into=into, location=location)
                manifest = self.step(CheckKind.PARSE, lambda: self.parse(dbt, tree, edits))
                if self.step(CheckKind.PARSE, lambda: self.follow(mirror, head)):
                    self.step(CheckKind.RULES, self.rules)
                    edits = self.step(CheckKind.FILES, lambda: self.files(mirror, head))
                    manifest = self.step(CheckKind.PARSE, lambda: self.parse(dbt, tree, edits, again=True))
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
        known, reads_as, pieces, tables = self.known, {}, {}, {}
        self.code = []
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
            pieces[str(item.pk)] = [asdict(chip) for chip in kind.chips(revision.content, known)]
            if table := kind.as_table(revision.content, known):
                tables[str(item.pk)] = table
            known = known.having(code.after, code.changes)
        result = {"reads_as": reads_as, "chips": pieces, "tables": tables}
        self._tell(check, CheckStatus.RUNNING, message=" ".join(warnings), result=result)

    def files(self, mirror: Mirror, head: str) -> list[generate.FileEdit]:
        """The files as they would become; only the new entries differ."""
        check = self.checks[CheckKind.FILES]
        read = partial(generate.present, mirror, head)
        edits = self.generated(self.code, mirror, head)
        # Whoever has to edit a file again sees what is generated now.
        self._show(edits, head)
        self.by_hand = list(self.proposal.hand_edits.all())
        if self.by_hand:
            edits = generate.with_hand_edits(edits, self.by_hand, read)
            self._show(edits, head)
        count, own = len(edits), len(self.by_hand)
        message = f"{count} file{'s' if count != 1 else ''}; every other byte stays as it is."
        message += f" {own} of them edited by hand." if own else ""
        self._tell(check, CheckStatus.RUNNING, message=message, result={"commit": head})
        return edits

    def generated(self, code: Sequence[Compiled], mirror: Mirror, head: str) -> list[generate.FileEdit]:
        """The files as this code alone would have them."""
        folder = self.proposal.project.repository.folder
        return generate.file_edits(code, partial(generate.present, mirror, head), folder=folder)

    def _show(self, edits: Sequence[generate.FileEdit], head: str) -> None:
        shown = [edit.shown() for edit in edits]
        with self.work.fenced():
            for item in self.items:
                item.files, item.base_commit = shown, head
                item.save(update_fields=["files", "base_commit"])

    def parse(
        self, dbt: Dbt, tree: Path, edits: Sequence[generate.FileEdit], *, again: bool = False
    ) -> dict[str, Any]:
        """dbt reads the project with the change in it; its manifest.

        Where files were edited by hand it reads them as generated as well: what differs, the edits say.
        """
        dbt.deps()
        if self.by_hand and not again:
            for edit in edits:
                _put(tree, edit.path, edit.after if edit.generated is None else edit.generated)
            self.as_generated = self._read(dbt)
        for edit in edits:
            _put(tree, edit.path, edit.after)
        self.as_edited = self._read(dbt)
        manifest = artifacts.read_manifest(self.as_edited[0])
        names = ", ".join(name for code in self.code for name in code.metrics) or "it"
        self._tell(
            self.checks[CheckKind.PARSE], CheckStatus.RUNNING, message=f"dbt reads {names} without complaint."
        )
        return manifest

    @staticmethod
    def _read(dbt: Dbt) -> tuple[bytes, bytes]:
        at = dbt.parse()
        return (at / "manifest.json").read_bytes(), (at / "semantic_manifest.json").read_bytes()

    def follow(self, mirror: Mirror, head: str) -> bool:
        """Whether definitions changed, so that they say what files edited by hand say."""
        if not self.by_hand:
            return False
        dialect = self.target.connection.adapter
        generated, edited = (
            known_in(*read, self.target, head) for read in (self.as_generated, self.as_edited)
        )
        said = said_by_hand(self.items, generated, edited, dialect)
        if not said:
            return False
        for item in self.items:
            if item.pk in said:
                item.revision.fields = said[item.pk].to_json()
        try:
            codes = generate.entries_of(self.items, self.known, dialect=dialect)
        except InvalidInput as exc:
            raise NotAsDefinition(why=str(exc)) from exc
        written = {edit.path: edit.after.decode() for edit in self.generated(codes, mirror, head)}
        with self.work.fenced():
            lock(self.proposal)
            if content.hash_of(self.proposal) != self.hash:
                raise ChecksReplaced
            self.hash = definitions_follow(proposal=self.proposal, said=said, codes=codes, written=written)
        self.items = list(self.proposal.items.select_related("revision").order_by("id"))
        return True

    def build(
        self, dbt: Dbt, manifest: dict[str, Any], location: Location, into: Path
    ) -> builds.Built | None:
        """The models that the change is about are built and tested beside the live version."""
        check = self.checks[CheckKind.BUILD]
        live = self.target.live
        models = sorted({name for code in self.code for name in code.models})
        if not models:
            why = why_unbuilt([item.revision.content for item in self.items])
            self._tell(check, CheckStatus.RUNNING, message=str(why))
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
        affected = [] if built is None else list(self.affected())
        rules = self.outcomes(location, built)
        if built is None or not (metrics or made or rewritten or affected):
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
            if metrics or rewritten or affected:
                engine = engine_for(with_relations(semantic, relations, after), location.adapter)
                proposed = frozenset(item.revision.metric.name for item in metrics)
                built_apart = Trial(self.before, after, relations, engine, warehouse, proposed)
                results = self._computed(metrics, rewritten, built_apart)
                results += affected_results(affected, built_apart)
            counted = [
                calculation_sentence(item.revision, model, relations, warehouse) for item, model in made
            ]
        said = [*(str(result["sentence"]) for result in results), *counted, told_outcomes(rules)]
        message = "; ".join(filter(None, said))
        self._tell(check, CheckStatus.RUNNING, message=message, result={"metrics": results, "rules": rules})

    def affected(self) -> Iterator[tuple[Item, str]]:
        """The metrics of dbt's whose numbers change without a word of theirs, each with the change."""
        told = {name for code in self.code for name in code.metrics}
        for item in self.items:
            revision = item.revision
            names = kind_of(revision).counted_by(revision.content, revision.agreed, self.known)
            for name in (*names, *self.before.above(names)):
                if name not in told:
                    told.add(name)
                    yield item, name

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
        rules = [(item, code.models[-1]) for item, code in pairs if _decides(item, code)]
        if built is None or not rules:
            return []
        places = {uid.split(".")[2]: place for uid, place in built.relations.items()}
        with open_warehouse(location) as warehouse:
            return [
                rule_result(item, quoted(*places[model]), self.known, self.target.live, warehouse)
                for item, model in rules
                if model in places  # one that is ephemeral has no rows of its own
            ]


def _decides(item: Item, code: Compiled) -> bool:
    """Whether a change makes a business rule say something else of the rows."""
    return item.revision.kind == "rule" and bool(code.models)


def _put(tree: Path, path: str, content: bytes) -> None:
    file = tree / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
