"""Turning agreement into a commit."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from environments.models import Environment
from governance.models import Project, User
from semantic.fields import digest
from semantic.models import Revision
from workspace.models import Run


class ProposalStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    APPROVED = "approved", _("Approved")
    PUBLISHING = "publishing", _("Publishing")
    PUBLISHED = "published", _("Published")
    WITHDRAWN = "withdrawn", _("Withdrawn")


OPEN = frozenset({ProposalStatus.DRAFT, ProposalStatus.IN_REVIEW, ProposalStatus.APPROVED})


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def visible_to(self, user: User) -> ProposalQuerySet:
        """Drafts belong to their authors; everything else to everybody in the project."""
        mine = Q(author=user) | ~Q(status=ProposalStatus.DRAFT) | Q(submitted_at__isnull=False)
        return self.filter(mine, project__in=Project.objects.visible_to(user))

    def for_list(self) -> ProposalQuerySet:
        """Everything a row shows, in one query (and one for the checks, whose results no row shows)."""
        checks = models.Prefetch("checks", Check.objects.defer("result"))
        rows = self.with_check_failed().select_related("author", "project", "target")
        return rows.prefetch_related(checks)

    def with_check_failed(self) -> ProposalQuerySet:
        """With what the chip of the state needs: `check_failed`, whether nobody can approve it as it is."""
        failed = Check.objects.filter(proposal=models.OuterRef("pk"), status=CheckStatus.FAILED)
        return self.annotate(check_failed=models.Exists(failed))

    def with_edited(self) -> ProposalQuerySet:
        """With `edited`: whether files of it were edited by hand as it was read."""
        return self.annotate(edited=models.Exists(HandEdit.objects.filter(proposal=models.OuterRef("pk"))))

    def with_conflicts(self) -> ProposalQuerySet:
        """With `undecided` and `clashed`: whether dbt changed the same, and somebody still has to choose."""
        known = Conflict.objects.filter(item__proposal=models.OuterRef("pk"))
        undecided = known.filter(state=ConflictState.OPEN)
        return self.annotate(undecided=models.Exists(undecided), clashed=models.Exists(known))


class Proposal(models.Model):
    """A change that somebody asks for, from the first word to the commit."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="proposals")
    number = models.PositiveIntegerField(_("number"))
    title = models.CharField(_("title"), max_length=200, blank=True)
    author = models.ForeignKey(User, models.PROTECT, related_name="proposals")
    target = models.ForeignKey(
        Environment, models.PROTECT, related_name="proposals", verbose_name=_("goes to")
    )
    status = models.CharField(_("state"), max_length=12, choices=ProposalStatus, default=ProposalStatus.DRAFT)
    submitted_at = models.DateTimeField(_("sent for review"), null=True, blank=True)
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_hash = models.CharField(max_length=64, blank=True)
    published_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    published_commit = models.CharField(_("commit"), max_length=64, blank=True)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    returned_reason = models.TextField(_("why it came back"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    objects = ProposalQuerySet.as_manager()

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="proposal_number_once"),
            models.CheckConstraint(
                condition=~Q(status="published") | ~Q(published_commit=""),
                name="proposal_published_has_commit",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["approved", "publishing", "published"]) | ~Q(approved_hash=""),
                name="proposal_approved_has_hash",
            ),
        ]
        indexes = [
            # The inbox asks for what is open, newest first; published rows pile up.
            models.Index(
                fields=["project", "-submitted_at"],
                condition=Q(status__in=["in_review", "approved", "publishing"]),
                name="proposal_inbox",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("proposal", args=[self.project.slug, self.number])

    def edits(self) -> list[HandEdit]:
        """The files that were edited by hand, with whoever did it last."""
        return list(self.hand_edits.select_related("person"))


class Item(models.Model):
    """One changed definition of a proposal, and the files that would change with it.

    `files` holds, per path, the hash of the file it was generated against and the text it would become;
    `entries` what is generated, independent of where it lands: an approval covers it.
    """

    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="items")
    revision = models.OneToOneField(Revision, models.PROTECT, related_name="item")
    base_commit = models.CharField(max_length=64, blank=True)
    files = models.JSONField(default=list)
    entries = models.JSONField(default=dict)
    # The commit of dbt's side that its definition was last merged with.
    merged_commit = models.CharField(max_length=64, blank=True)
    # Of the revision that `entries` were written for.
    checked_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.revision} in {self.proposal}"

    def get_absolute_url(self) -> str:
        return self.proposal.get_absolute_url()

    @cached_property
    def earlier(self) -> list[Item]:
        """The changes of its proposal that come before it: it builds on what they bring."""
        before = Item.objects.filter(proposal=self.proposal_id, pk__lt=self.pk)
        return list(before.select_related("revision").order_by("id"))


class HandEdit(models.Model):
    """A generated file as somebody wants it instead.

    `generated` is what was edited, `text` what it became: where something else is generated later, both are
    merged, line by line.
    """

    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="hand_edits")
    path = models.CharField(_("file"), max_length=500)
    generated = models.TextField(_("as it was generated"))
    text = models.TextField(_("as it was edited"))
    person = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("edit by hand")
        verbose_name_plural = _("edits by hand")
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["proposal", "path"], name="hand_edit_once_per_file")]

    def __str__(self) -> str:
        return self.path

    def get_absolute_url(self) -> str:
        return self.proposal.get_absolute_url()


class Verdict(models.TextChoices):
    APPROVE = "approve", _("Approved")
    CHANGES = "changes", _("Asked for changes")


class Review(models.Model):
    """One person's verdict on exact content. It counts only while the content is the same."""

    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="reviews")
    person = models.ForeignKey(User, models.PROTECT, related_name="reviews")
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict)
    content_hash = models.CharField(max_length=64)
    note = models.TextField(_("note"), blank=True)
    stands = models.BooleanField(_("counts"), default=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["proposal", "person"],
                condition=Q(stands=True),
                name="review_one_standing_per_person",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_verdict_display()}"

    def get_absolute_url(self) -> str:
        return self.proposal.get_absolute_url()


class CheckKind(models.TextChoices):
    RULES = "rules", _("Definition")
    FILES = "files", _("dbt code")
    PARSE = "parse", _("dbt parse")
    BUILD = "build", _("dbt build")
    NUMBERS = "numbers", _("The number, computed twice")


class CheckStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    PASSED = "passed", _("Passed")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")


class Check(models.Model):
    """One thing that is tried before anybody approves. It speaks of exact content."""

    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="checks")
    kind = models.CharField(_("check"), max_length=12, choices=CheckKind)
    status = models.CharField(_("state"), max_length=10, choices=CheckStatus, default=CheckStatus.WAITING)
    content_hash = models.CharField(max_length=64)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    message = models.TextField(_("message"), blank=True)
    result = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("check")
        verbose_name_plural = _("checks")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["proposal", "kind"], name="check_once_per_proposal")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.get_status_display()}"

    def get_absolute_url(self) -> str:
        return self.proposal.get_absolute_url()


class Comment(models.Model):
    """What somebody said about a proposal."""

    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="comments")
    author = models.ForeignKey(User, models.PROTECT, related_name="comments")
    body = models.TextField(_("comment"), max_length=10_000)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.body[:60]

    def get_absolute_url(self) -> str:
        return self.proposal.get_absolute_url()


class ConflictState(models.TextChoices):
    OPEN = "open", _("Open")
    OURS = "ours", _("Kept what is proposed")
    THEIRS = "theirs", _("Took what dbt says")
    OWN = "own", _("Own wording")


class Conflict(models.Model):
    """A field that a proposal and the dbt repository both changed, each to something else.

    `base`, `ours` and `theirs` are its three states; for the whole metric, whose `field` is empty, those of
    all fields, empty where it was or is not there. `chosen` is what was decided on. A decision can be undone
    for as long as the proposal is open; one that a policy made names nobody.
    """

    item = models.ForeignKey(Item, models.CASCADE, related_name="conflicts")
    field = models.CharField(_("field"), max_length=20, blank=True)
    base = models.JSONField(null=True)
    ours = models.JSONField(null=True)
    theirs = models.JSONField(null=True)
    commit = models.CharField(_("commit"), max_length=64, blank=True)
    author = models.CharField(_("author"), max_length=200, blank=True)
    committed_at = models.DateTimeField(_("committed"), null=True)
    state = models.CharField(_("state"), max_length=8, choices=ConflictState, default=ConflictState.OPEN)
    chosen = models.JSONField(null=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("conflict")
        verbose_name_plural = _("conflicts")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "field"], condition=Q(state="open"), name="conflict_one_open_per_field"
            )
        ]

    def __str__(self) -> str:
        return f"{self.field or self.item}: {self.get_state_display()}"

    def get_absolute_url(self) -> str:
        return self.item.get_absolute_url()

    @property
    def proposed(self) -> object:
        """What is proposed by now: its author may have edited it since."""
        fields = self.item.revision.fields
        return fields.get(self.field) if self.field else fields

    @property
    def digest(self) -> str:
        """SHA-256 over the three states as they are by now: a decision names what somebody has read."""
        return digest([self.base, self.proposed, self.theirs])
