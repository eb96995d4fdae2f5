"""The changes of a proposal over the API, whatever their kind: added, changed, looked at, taken out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.api import drafts
from bisync.api.base import deed, read
from bisync.api.proposals import InProposal, shown
from bisync.lib.errors import BisyncError, InvalidInput
from governance.models import User
from governance.models.tokens import Scope
from proposals.actions import authoring
from proposals.kinds import KINDS, kind_of
from proposals.models import Item, Proposal
from proposals.outlook import outlook
from semantic.fields import Fields, with_plain_lines

OF_LIMIT = 700


class Given(drafts.Body):
    fields = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text="As the form of its kind has them; what is left out stays as it was."
    )


class NewItem(Given):
    kind = serializers.ChoiceField(sorted(KINDS), help_text="What is changed.")
    of = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=OF_LIMIT,
        help_text="What it is about: a metric's name, or dbt's id of a model, with “:” and a column's name.",
    )


class ItemChange(Given):
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, help_text="The version that the change was made from."
    )


class OneItemShape(serializers.Serializer[Any]):
    """One change, and what it comes to."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    version = serializers.IntegerField()
    content = serializers.DictField(help_text="What it says.")
    base = serializers.DictField(help_text="What dbt says of it today; empty for something new.")
    yaml = serializers.CharField(help_text="The dbt code as it would be written.")
    notes = serializers.ListField(child=serializers.CharField())
    missing = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="By field, what has to change before it can be sent for review.",
    )


class Items(InProposal):
    """POST adds a change to a draft."""

    @deed(Scope.PROPOSE, takes=NewItem, gives={201: drafts.ProposalDetail}, name="proposal_items_add")
    def post(self, request: Request, **_path: Any) -> Response:
        proposal, given = self.proposal(), read(NewItem, request.data)
        try:
            item = authoring.item_add(
                proposal=proposal, kind=given["kind"], changing=given.get("of", ""), actor=self.user
            )
        except BisyncError as exc:
            if exc.http_status != status.HTTP_404_NOT_FOUND:
                raise
            raise InvalidInput({"of": [str(exc)]}) from None
        if "fields" in given:
            _save(item, given["fields"], version=1, actor=self.user)
        return Response(shown(proposal), status=status.HTTP_201_CREATED)


class InItem(InProposal):
    """A view about one change of a proposal."""

    def item(self, proposal: Proposal) -> Item:
        found: Item = get_object_or_404(
            Item.objects.select_related("revision", "proposal__project", "proposal__target"),
            proposal=proposal,
            pk=self.kwargs["item"],
        )
        return found


class OneItem(InItem):
    """One change with its dbt code; PATCH answers 409 where somebody was faster."""

    @extend_schema(responses=OneItemShape, operation_id="proposal_items_show")
    def get(self, _request: Request, **_path: Any) -> Response:
        proposal = self.proposal()
        item = self.item(proposal)
        revision = item.revision
        kind = kind_of(revision)
        found = outlook(kind, revision.content, proposal.target, revision.agreed, item.earlier)
        own = {"id": item.pk, "kind": revision.kind, "version": revision.version}
        said = {"content": revision.fields, "base": revision.base}
        comes_to = {"yaml": found.yaml, "notes": found.notes, "missing": found.missing}
        return Response(OneItemShape({**own, **said, **comes_to}).data)

    @deed(Scope.PROPOSE, takes=ItemChange, gives={200: drafts.ProposalDetail}, name="proposal_items_change")
    def patch(self, request: Request, **_path: Any) -> Response:
        proposal, given = self.proposal(), read(ItemChange, request.data)
        fields = given.get("fields", {})
        _save(self.item(proposal), fields, version=given["version"], actor=self.user)
        return Response(shown(proposal))


class RemoveItem(InItem):
    """Take one of several changes out of a draft."""

    @deed(Scope.PROPOSE, gives={200: drafts.ProposalDetail}, name="proposal_items_remove")
    def post(self, _request: Request, **_path: Any) -> Response:
        proposal = self.proposal()
        authoring.item_remove(item=self.item(proposal), actor=self.user)
        return Response(shown(proposal))


def _save(item: Item, given: Mapping[str, Any], *, version: int, actor: User) -> None:
    """Keep a change whole or not at all: a program has no form that keeps what it typed."""
    fields = over(item.revision.content, given)
    saved = authoring.draft_save(item=item, fields=fields, version=version, actor=actor)
    if saved.unfit:
        raise InvalidInput(saved.unfit)


def over(stored: Fields, given: Mapping[str, Any]) -> Fields:
    """The stored fields with those that were given in their place. Raises `InvalidInput`."""
    before = stored.to_json()
    told: list[str] = []
    for name, value in given.items():
        if name == "name" or name not in before:
            told.append(_("There is no field %(name)s.") % {"name": str(name)[:100]})
        elif not _alike(value, before[name]):
            told.append(_("What was given as %(name)s is not of the kind that it holds.") % {"name": name})
    if told:
        raise InvalidInput({"fields": told[:20]})
    sent = {
        name: with_plain_lines(value).strip() if isinstance(value, str) else value
        for name, value in given.items()
    }
    try:
        return type(stored).from_json({**before, **sent})
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InvalidInput({"fields": [_("They cannot be read.")]}) from None


def _alike(given: object, stored: object) -> bool:
    """Whether a value is of the stored one's kind: text, list, object, yes or no, number."""
    if isinstance(stored, bool) or isinstance(given, bool):
        return isinstance(stored, bool) and isinstance(given, bool)
    kinds: tuple[type | tuple[type, ...], ...] = (str, list, dict, (int, float))
    kind = next((kind for kind in kinds if isinstance(stored, kind)), None)
    return given is None if kind is None else isinstance(given, kind)
