"""What dbt knows, as the last pull saw it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db import models
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from catalog.annotations import Annotation
from catalog.changed import FieldChange
from catalog.quality.rules import Rule, Test, rule_of
from catalog.quality.tellers import Reads
from catalog.words import COLUMN, FOUND, KINDS, TEST, Kind
from governance.models import Project, User
from workspace.dbt.results import moment
from workspace.git.commits import Commit
from workspace.models import Artifact, Run


class Snapshot(models.Model):
    """One pull's picture of a dbt project: a commit, what dbt made of it, and what changed since."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="snapshots")
    commit = models.CharField(_("commit"), max_length=64)
    subject = models.CharField(_("commit message"), max_length=300, blank=True)
    author = models.CharField(_("author"), max_length=200, blank=True)
    committed_at = models.DateTimeField(null=True)
    dbt_version = models.CharField(_("dbt version"), max_length=20)
    adapter = models.CharField(_("adapter"), max_length=40)
    manifest = models.ForeignKey(Artifact, models.PROTECT, related_name="+")
    semantic_manifest = models.ForeignKey(Artifact, models.PROTECT, related_name="+")
    counts = models.JSONField(_("counts"), default=dict)
    changes = models.JSONField(_("changes"), default=dict)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("pulled"), auto_now_add=True)

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        ordering = ["-id"]
        get_latest_by = "id"

    def __str__(self) -> str:
        return f"{self.project} at {self.commit[:8]}"

    def get_absolute_url(self) -> str:
        return reverse("pull-detail", args=[self.project.slug, self.pk])


class ChangeKind(models.TextChoices):
    ADDED = "added", _("new")
    CHANGED = "changed", _("changed")
    REMOVED = "removed", _("gone")


class Evidence(models.TextChoices):
    """What speaks for one thing being another one, renamed."""

    CODE = "code", _("the same code")
    RELATION = "relation", _("the same table in the warehouse")
    VERSION = "version", _("the same name, with or without a version")
    FILE = "file", _("git takes its file for the same one")


class Change(models.Model):
    """One thing that a pull brought, changed or took away. The first pull has none: all was new.

    `fields` are triples of a field's name, what it was and what it became; of a column's, `column.field`.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    snapshot = models.ForeignKey(Snapshot, models.CASCADE, related_name="changed")
    unique_id = models.CharField(max_length=400)
    resource_type = models.CharField(_("kind"), max_length=30)
    name = models.CharField(_("name"), max_length=255)
    kind = models.CharField(_("change"), max_length=10, choices=ChangeKind)
    fields = models.JSONField(_("fields"), default=list)
    # What came, or went, in the same pull: perhaps it is this one under another name, for this reason.
    renamed = models.CharField(_("renamed?"), max_length=400, blank=True)
    evidence = models.CharField(_("evidence"), max_length=10, choices=Evidence, blank=True)
    # Whether that is so, as somebody said; None while nobody did.
    same = models.BooleanField(_("is renamed"), null=True, blank=True)
    # The last commit of the pull that touched its files; that of the snapshot where nobody knows.
    commit = models.CharField(_("commit"), max_length=64, blank=True)
    subject = models.CharField(_("commit message"), max_length=300, blank=True)
    author = models.CharField(_("author"), max_length=200, blank=True)
    committed_at = models.DateTimeField(null=True)
    # By field the commit that wrote its line, where it is known.
    authors = models.JSONField(_("authors"), default=dict)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["id"]
        indexes = [models.Index(fields=["project", "unique_id", "-id"], name="change_of_object")]

    def __str__(self) -> str:
        return f"{self.name}: {self.get_kind_display()}"

    @property
    def brought(self) -> Change | Snapshot:
        """What tells of the commit that made it: its hash, message, author and time."""
        return self if self.commit else self.snapshot

    @property
    def what(self) -> str:
        """The names of the fields, for a line in a list."""
        return ", ".join(name for name, _before, _after in self.fields)

    def brought_by(self, commit: Commit) -> None:
        """Note the commit that made it, in as much text as there is room for."""
        self.commit, self.committed_at = commit.sha, commit.at
        self.subject, self.author = commit.subject[:300], commit.author.name[:200]

    def note_author(self, field: str, commit: Commit, *, file: str, line: int) -> None:
        """Note the commit that changed a field, with file and line; 0 is the whole file."""
        told = {"commit": commit.sha, "author": commit.author.name[:200], "at": commit.at.isoformat()}
        self.authors[field] = {**told, "file": file, "line": line}

    def told(self) -> Iterator[FieldChange]:
        """Its fields one by one, each with who changed it."""
        last = self.brought
        for name, before, after in self.fields:
            known = self.authors.get(name)
            if known is None:
                told: dict[str, Any] = {"commit": last.commit, "author": last.author, "at": last.committed_at}
            else:
                told = {**known, "at": parse_datetime(known["at"])}
            yield FieldChange(name, str(before), str(after), **told)


class Group(models.Model):
    """A dbt group and its owner."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="dbt_groups")
    name = models.CharField(_("name"), max_length=200)
    owner_name = models.CharField(_("owner"), max_length=200, blank=True)
    owner_email = models.CharField(_("owner's e-mail"), max_length=200, blank=True)
    description = models.TextField(_("description"), blank=True)

    class Meta:
        verbose_name = _("dbt group")
        verbose_name_plural = _("dbt groups")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="group_once_per_project")]

    def __str__(self) -> str:
        return self.name


class Node(models.Model):
    """A model, seed, snapshot, source, exposure, semantic model, metric, macro, docs block … of dbt.

    `fields` holds what only one kind has (a metric's parameters, an exposure's url), in dbt's own words;
    `catalog.coverage` says where each field goes. `fingerprint` is of what dbt wrote of it, without the time
    and place, so that a pull reads and touches only what changed.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="nodes")
    unique_id = models.CharField(max_length=400)
    resource_type = models.CharField(_("kind"), max_length=30)
    name = models.CharField(_("name"), max_length=255)
    label = models.CharField(_("label"), max_length=255, blank=True)
    description = models.TextField(_("description"), blank=True)
    package = models.CharField(_("package"), max_length=120)
    path = models.CharField(_("file"), max_length=400, blank=True)
    patch_path = models.CharField(_("properties file"), max_length=400, blank=True)
    relation = models.CharField(_("relation"), max_length=400, blank=True)
    materialized = models.CharField(_("materialisation"), max_length=40, blank=True)
    group = models.ForeignKey(Group, models.SET_NULL, null=True, blank=True, related_name="nodes")
    access = models.CharField(_("access"), max_length=20, blank=True)
    tags = models.JSONField(default=list)
    meta = models.JSONField(default=dict)
    fields = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("dbt node")
        verbose_name_plural = _("dbt nodes")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["project", "unique_id"], name="node_once_per_project")]
        indexes = [
            # Lists are of one kind; pages ask for a name within it.
            models.Index(fields=["project", "resource_type", "name"], name="node_kind_name")
        ]

    def __str__(self) -> str:
        return self.unique_id

    def get_absolute_url(self) -> str:
        return reverse("node", args=[self.project.slug, self.unique_id])

    @property
    def kind(self) -> Kind:
        """What people call its kind."""
        return KINDS[self.resource_type]

    @property
    def version(self) -> str:
        """Which version of a model it is, as its id ends: "v2"; "" where there are none."""
        if self.resource_type != "model":
            return ""
        # Lists do not read the package, which the id has, too.
        name, rest = f"{self.name}.", self.unique_id.split(".", 2)[-1]
        return rest.removeprefix(name) if rest.startswith(name) else ""

    @property
    def called(self) -> str:
        """What people call it: two versions of a model have one name."""
        return f"{self.label or self.name} {self.version}".rstrip()


class Column(models.Model):
    """A column that the project documents or declares."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="columns")
    name = models.CharField(_("name"), max_length=255)
    position = models.PositiveSmallIntegerField()
    data_type = models.CharField(_("type"), max_length=120, blank=True)
    description = models.TextField(_("description"), blank=True)
    meta = models.JSONField(default=dict)
    # Constraints, tags, and what the semantic layer calls it, in dbt's own words.
    fields = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("column")
        verbose_name_plural = _("columns")
        ordering = ["node", "position"]
        constraints = [models.UniqueConstraint(fields=["node", "name"], name="column_once_per_node")]

    def __str__(self) -> str:
        return self.name

    @property
    def annotation(self) -> Annotation | None:
        """What the model's SQL says that it is for."""
        return Annotation.from_json(self.name, self.description, self.fields.get("annotation"))


class NodeTest(models.Model):
    """A data test or unit test, and what it is attached to."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="node_tests")
    unique_id = models.CharField(max_length=400)
    node = models.ForeignKey(Node, models.CASCADE, null=True, related_name="tests")
    column = models.CharField(_("column"), max_length=255, blank=True)
    name = models.CharField(_("name"), max_length=400)
    kind = models.CharField(_("test"), max_length=120)
    arguments = models.JSONField(default=dict)
    severity = models.CharField(_("severity"), max_length=10, blank=True)
    description = models.TextField(_("description"), blank=True)
    path = models.CharField(_("file"), max_length=400, blank=True)
    # What else is set of it; of a unit test what is given and expected.
    fields = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("dbt test")
        verbose_name_plural = _("dbt tests")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "unique_id"], name="node_test_once_per_project")
        ]

    def __str__(self) -> str:
        return self.name

    def told(self, about: str, reads: Reads) -> Rule:
        """What it promises of the thing that is called so."""
        return rule_of(self.of(about), reads=reads)

    def of(self, about: str) -> Test:
        """It as a test of the thing that is called so."""
        return Test(
            kind=self.kind,
            name=self.name,
            about=about,
            column=self.column,
            arguments=self.arguments,
            severity=self.severity,
            config=self.fields.get("config") or {},
            description=self.description,
        )


class Edge(models.Model):
    """One node reads another: lineage at table level. Whatever uses a macro or a docs block reads it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="edges")
    parent = models.CharField(max_length=400)
    child = models.CharField(max_length=400)

    class Meta:
        verbose_name = _("lineage edge")
        verbose_name_plural = _("lineage edges")
        constraints = [
            models.UniqueConstraint(fields=["project", "parent", "child"], name="edge_once_per_project")
        ]
        indexes = [
            # Ancestors go by child; the unique constraint serves descendants.
            models.Index(fields=["project", "child"], name="edge_child")
        ]

    def __str__(self) -> str:
        return f"{self.parent} → {self.child}"


class NodeLineage(models.Model):
    """What a node's columns are made from, as its SQL says; `catalog.lineage` finds it out.

    `code` is the SQL that dbt made and `code_key` of what, `names` are the relations in it, each with its
    node. `columns` are [name, [[node, column, how], …], whether that is all]; `rows` are [node, column] that
    decide which rows there are; of the nodes in `through` it has columns that are not listed. `problem` says
    in one word why nothing is known, `words` more of it.
    """

    node = models.OneToOneField(Node, models.CASCADE, related_name="lineage")
    code = models.TextField(_("SQL"), blank=True)
    code_key = models.CharField(max_length=64, blank=True)
    names = models.JSONField(default=dict)
    key = models.CharField(max_length=64)
    columns = models.JSONField(_("columns"), default=list)
    rows = models.JSONField(_("rows"), default=list)
    through = models.JSONField(default=list)
    problem = models.CharField(_("problem"), max_length=20, blank=True)
    words = models.TextField(blank=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("column lineage")
        verbose_name_plural = _("column lineage")
        ordering = ["node"]

    def __str__(self) -> str:
        return f"columns of {self.node}"


class Outcome(models.Model):
    """How the last look at something ended: at a test, the build of a node, or the freshness of a source.

    `environment` is the slug of where it was looked at; `rank` says which environment tells people most,
    production (0) first. `since` is when it began to end so.
    """

    class State(models.TextChoices):
        OK = "ok", _("passes")
        WARN = "warn", _("warns")
        BAD = "bad", _("fails")

    project = models.ForeignKey(Project, models.CASCADE, related_name="outcomes")
    environment = models.CharField(_("environment"), max_length=60)
    rank = models.PositiveSmallIntegerField(default=0)
    unique_id = models.CharField(max_length=400)
    state = models.CharField(_("state"), max_length=4, choices=State)
    status = models.CharField(_("in dbt's word"), max_length=40)
    message = models.TextField(_("message"), blank=True)
    failures = models.PositiveIntegerField(_("failing rows"), null=True)
    fields = models.JSONField(default=dict)
    at = models.DateTimeField(_("looked at"))
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("outcome")
        verbose_name_plural = _("outcomes")
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "environment", "unique_id"], name="outcome_once_per_environment"
            )
        ]
        indexes = [models.Index(fields=["project", "unique_id"], name="outcome_of_object")]

    def __str__(self) -> str:
        return f"{self.unique_id}: {self.status}"

    @property
    def newest(self) -> datetime | None:
        """When the newest row of a source was loaded; None where it has none, or nobody could say."""
        found = moment(self.fields.get("max_loaded_at"))
        return found if found is not None and found.year > 1 else None  # what dbt makes of an empty table

    @property
    def run(self) -> int | None:
        """The run of Bisync's that looked; None where somebody uploaded what dbt found."""
        run: int | None = self.fields.get("run")
        return run


class SavedView(models.Model):
    """A person's way of looking at a catalogue: the part of its address that narrows it, under a name."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    person = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("person"))
    name = models.CharField(_("name"), max_length=80)
    query = models.CharField(_("narrowed by"), max_length=1_000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "person", "name"], name="saved_view_once_per_name")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{reverse('catalogue', args=[self.project.slug])}?{self.query}"


class Uploaded(models.Model):
    """The last artifact of its kind that somebody's pipeline sent for an environment."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="uploads")
    environment = models.CharField(_("environment"), max_length=60)
    name = models.CharField(_("artifact"), max_length=40)
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="+")
    generated_at = models.DateTimeField(_("made"))
    uploaded_at = models.DateTimeField(_("uploaded"), auto_now=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("uploaded by"))

    class Meta:
        verbose_name = _("uploaded artifact")
        verbose_name_plural = _("uploaded artifacts")
        ordering = ["-uploaded_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "environment", "name"], name="uploaded_once_per_environment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.project}"


class SearchEntry(models.Model):
    """One thing that the search finds: a node, a column, a test, or somebody who owns some.

    `role` is "column", "test" or "node". `own`, `description`, `context` and `parent` hold its words; the
    database keeps an index over them by itself (`catalog.search`). `exact`, `titled` and `qualified` are the
    words of its name, of its label, and its name with that of what it is part of. Columns have the state of
    their node.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    node = models.ForeignKey(Node, models.CASCADE, null=True, related_name="+")
    kind = models.CharField(_("kind"), max_length=30)
    key = models.CharField(max_length=700)
    name = models.CharField(_("name"), max_length=400)
    label = models.CharField(_("label"), max_length=255, blank=True)
    description = models.TextField(_("description"), blank=True)
    role = models.CharField(max_length=10)
    own = models.TextField(blank=True)
    context = models.TextField(blank=True)
    parent = models.TextField(blank=True)
    exact = models.CharField(max_length=400)
    titled = models.CharField(max_length=400, blank=True)
    qualified = models.CharField(max_length=400, blank=True)
    place = models.PositiveSmallIntegerField()
    owner = models.CharField(_("owner"), max_length=200, blank=True)
    certified = models.BooleanField(_("certified"), default=False)
    attention = models.BooleanField(_("needs attention"), default=False)
    unused = models.BooleanField(_("unused"), default=False)
    fingerprint = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("search entry")
        verbose_name_plural = _("search entries")
        ordering = ["place", "name"]
        indexes = [models.Index(fields=["project", "kind", "key"], name="search_entry_key")]

    def __str__(self) -> str:
        return self.key

    def get_absolute_url(self) -> str:
        """The page of the node, at the part that this is; of an owner what they own."""
        if self.node is None:
            return f"{reverse('catalogue', args=[self.project.slug])}?{urlencode({'owner': self.name})}"
        part = {COLUMN: "#columns", TEST: "#tests"}.get(self.kind, "")
        return f"{self.node.get_absolute_url()}{part}"

    @property
    def what(self) -> Kind:
        """What people call its kind."""
        return FOUND[self.kind]
