"""One run over all checks of a proposal, each telling its own outcome as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib import crash
from bisync.lib.errors import BisyncError
from environments import builds
from environments.numbers import Point, day, differences, number, same
from environments.plan import trial
from environments.selectors import quoted
from proposals import content, generate
from proposals.models import Check, CheckKind, CheckStatus, Item, Proposal
from semantic.codegen.metrics import Compiled
from semantic.codegen.value_tests import test_names
from semantic.definitions import Grain, Vocabulary
from semantic.fields import MetricFields
from semantic.formula.tree import Node
from semantic.importer import vocabulary as vocabulary_from
from semantic.query.engine import Engine, NotComputable, engine_for, with_relations
from semantic.query.spec import PeriodsOnly, QuerySpec, Unsupported
from semantic.query.sql import metric_sql
from semantic.rules.metric import sending_problems
from semantic.rules.values import breach
from workspace import holds, runs
from workspace.dbt import artifacts
from workspace.dbt.errors import DbtBuildFailed
from workspace.dbt.runner import Dbt
from workspace.git.repository import Mirror
from workspace.repositories import mirror_of, workdir
from workspace.warehouse.base import Warehouse
from workspace.warehouse.gate import open_warehouse
from workspace.warehouse.location import Location

GRAINS: tuple[Grain | None, ...] = (None, "month")
COMPUTED = frozenset({"formula", "time"})
VALUED = COMPUTED | {"value_format", "rules"}


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
        self.before = generate.vocabulary_for(proposal)

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
        """The definition is complete and clashes with nothing; its code can be generated."""
        check = self.checks[CheckKind.RULES]
        dialect = self.target.connection.adapter
        for item in self.items:
            fields = item.revision.metric
            analysis = generate.analysis_of(fields, self.before)
            problems = sending_problems(fields, analysis, self.before, base=item.revision.agreed)
            if problems:
                self.fail(check, " ".join(text for texts in problems.values() for text in texts))
            code = generate.remaining(item, self.before, dialect=dialect)
            if code is None:
                self.fail(
                    check, "The repository changed since this was sent. Take it back and send it again."
                )
            self.code.append(code)
            warnings = [p.message for p in analysis.problems if p.level != "error"]
            check.message = " ".join([*warnings, *code.notes])
            check.result = {"reads_as": analysis.reads_as}
        self._tell(check, CheckStatus.RUNNING, message=check.message, result=check.result)

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
        names = ", ".join(name for code in self.code for name in code.metrics)
        self._tell(
            self.checks[CheckKind.PARSE], CheckStatus.RUNNING, message=f"dbt reads {names} without complaint."
        )
        return manifest

    def build(self, dbt: Dbt, manifest: dict[str, Any], location: Location, into: Path) -> builds.Built:
        """The models that the metric reads are built and tested beside the live version."""
        check = self.checks[CheckKind.BUILD]
        live = self.target.live
        models = sorted({name for code in self.code for name in code.models})
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
            if said := self.broken_promises(exc.params["nodes"]):
                self.fail(check, said)
            raise
        tests = sum(result.status == "pass" for result in built.results.results)
        message = f"{', '.join(models)} built, {tests} test{'s' if tests != 1 else ''} passed."
        self._tell(check, CheckStatus.RUNNING, message=message, result=builds.summary(built.results))
        return built

    def broken_promises(self, failed: Any) -> str:
        """In plain words, where nothing failed but the tests of this proposal's own rules; else ""."""
        rules = {
            name: (fields.label, rule)
            for fields in (item.revision.metric for item in self.items)
            for name, rule in zip(test_names(fields.name, fields.rules), fields.rules, strict=True)
        }
        if not all(node["name"] in rules and node["status"] == "fail" for node in failed):
            return ""
        said = []
        for node in sorted(failed, key=lambda node: str(node["name"])):
            label, rule = rules[node["name"]]
            months = node["failures"] or 0
            said.append(f"{label} is not “{rule}” in {months} month{'s' if months != 1 else ''}.")
        blank = any(rules[node["name"]][1].kind == "not_null" for node in failed)
        said.append("Change the formula or the rule.")
        return " ".join([*said, *(["COALESCE gives a value where there is none."] if blank else [])])

    def numbers(self, location: Location, built: builds.Built) -> None:
        """MetricFlow's SQL and our own give the same number, and it keeps the promised rules."""
        check = self.checks[CheckKind.NUMBERS]
        semantic = artifacts.read_semantic_manifest(built.semantic_manifest)
        after = vocabulary_from(artifacts.read_manifest(built.manifest), semantic, built.columns)
        relations = {
            model.name: quoted(*built.relations[model.unique_id])
            for model in after.models.values()
            if model.unique_id in built.relations
        }
        engine = engine_for(with_relations(semantic, relations, after), location.adapter)
        results = []
        with open_warehouse(location) as warehouse:
            for item in self.items:
                fields = item.revision.metric
                base = item.revision.agreed
                if base and (not fields.formula or not VALUED & fields.changes_from(base).keys()):
                    results.append(as_before(fields))
                    continue
                result = computed_twice(fields, after, relations, engine, warehouse)
                if base and COMPUTED & fields.changes_from(base).keys():
                    result["before"] = computed_alone(base, self.before, relations, warehouse)
                results.append(result)
                if result["mismatches"]:
                    self.fail(check, mismatch_sentence(result), metrics=results)
                broken = broken_rules(fields, result)
                if broken:
                    self.fail(check, " ".join(broken), metrics=results)
        said = "; ".join(result["sentence"] for result in results)
        self._tell(check, CheckStatus.RUNNING, message=said, result={"metrics": results})


def computed_twice(
    fields: MetricFields,
    after: Vocabulary,
    relations: Mapping[str, str],
    engine: Engine,
    warehouse: Warehouse,
) -> dict[str, Any]:
    """A metric's total and months by MetricFlow's SQL and by our own, and where they differ.

    A metric that only has values by period has no total, and its months are compared.
    """
    tree = generate.analysis_of(fields, after).tree
    assert tree is not None
    series: dict[str, list[Point]] = {}
    totals: dict[str, float | None] = {"metricflow": None, "bisync": None}
    sql: dict[str, str] = {}
    for grain, ours in _own_sql(tree, after, relations, warehouse.dialect, fields.time):
        for who, text in (("metricflow", engine.sql(fields.name, grain=grain)), ("bisync", ours)):
            sql[f"{who} {grain or 'total'}"] = text
            rows = warehouse.query(text).rows
            if grain is None:
                totals[who] = number(rows[0][-1]) if rows else None
            else:
                points = (Point(day(row[0]), number(row[-1])) for row in rows if row[0] is not None)
                series[who] = sorted(points, key=lambda point: point.period)
    wrong = [[p.isoformat(), a, b] for p, a, b in differences(series["metricflow"], series["bisync"])]
    if not same(totals["metricflow"], totals["bisync"]):
        wrong.insert(0, ["all time", totals["metricflow"], totals["bisync"]])
    compared = "months and the total" if "bisync total" in sql else "months"
    return {
        "metric": fields.name,
        "format": fields.value_format,
        "total": totals["bisync"],
        "points": [[point.period.isoformat(), point.value] for point in series["bisync"]],
        "mismatches": wrong[:20],
        "sql": sql,
        "sentence": f"{len(series['bisync'])} {compared} agree for {fields.label}",
    }


def _own_sql(
    tree: Node, names: Vocabulary, relations: Mapping[str, str], dialect: str, time: str
) -> Iterator[tuple[Grain | None, str]]:
    """Our own SQL for the total, where there is one, and for the months."""
    for grain in GRAINS:
        spec = QuerySpec(grain=grain)
        try:
            sql = metric_sql(tree, names, relations, dialect=dialect, spec=spec, time_column=time)
        except PeriodsOnly:
            if grain is not None:
                raise
            continue
        yield grain, sql


def as_before(fields: MetricFields) -> dict[str, Any]:
    """The result for a metric of which a change touches words alone."""
    return {
        "metric": fields.name,
        "format": fields.value_format,
        "total": None,
        "points": [],
        "mismatches": [],
        "sql": {},
        "sentence": f"{fields.label or fields.name} is computed as before",
    }


def computed_alone(
    base: MetricFields, before: Vocabulary, relations: Mapping[str, str], warehouse: Warehouse
) -> dict[str, Any] | None:
    """A metric's total and months as they were agreed; None where formulas cannot say it.

    `before` are the names that the agreed formula is read with; the data are those of the change.
    """
    tree = generate.analysis_of(base, before).tree
    if tree is None:
        return None
    total, points = None, []
    for grain, sql in _own_sql(tree, before, relations, warehouse.dialect, base.time):
        rows = warehouse.query(sql).rows
        if grain is None:
            total = number(rows[0][-1]) if rows else None
        else:
            points = sorted([day(row[0]).isoformat(), number(row[-1])] for row in rows if row[0] is not None)
    return {"total": total, "points": points}


def mismatch_sentence(result: Mapping[str, Any]) -> str:
    """What to tell people when the two computations differ."""
    when, theirs, ours = result["mismatches"][0]
    return (
        f"The two ways of computing {result['metric']} differ: for {when} dbt's semantic layer gives "
        f"{theirs}, the formula gives {ours}. An analytics engineer should look at the generated code."
    )


def broken_rules(fields: MetricFields, result: Mapping[str, Any]) -> list[str]:
    """The promised rules that a month's value does not keep, as sentences."""
    broken = []
    for rule in fields.rules:
        for period, value in result["points"]:
            if reason := breach(rule, value, percent=fields.value_format == "percent"):
                broken.append(f"In {period[:7]} the value {reason}.")
                break
    return broken
