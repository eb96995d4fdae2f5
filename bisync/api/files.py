"""The dbt files that a proposal writes, over the API: read, edited by hand, restored."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.api import drafts
from bisync.api.base import deed, read
from bisync.api.proposals import InProposal, shown
from governance.models.tokens import Scope
from proposals.actions import hand_edits
from proposals.models import Proposal


class EditableFileShape(serializers.Serializer[Any]):
    """One file as it would become."""

    path = serializers.CharField()
    before = serializers.CharField(help_text="As it is now; empty where it is new.")
    generated = serializers.CharField(help_text="As it is generated.")
    text = serializers.CharField(help_text="As it would become, with what was edited by hand.")
    edited_by = serializers.CharField(allow_null=True, help_text="Who edited it by hand last.")
    seen = serializers.CharField(help_text="To be sent with an edit: what was generated when it began.")


class WrittenShape(serializers.Serializer[Any]):
    """The files that the last check wrote."""

    files = EditableFileShape(many=True)


class FilePath(drafts.Body):
    path = serializers.CharField(max_length=500, help_text="The file, from the root of the repository.")


class FileEdit(FilePath):
    text = serializers.CharField(
        max_length=200_000, trim_whitespace=False, help_text="The whole file as it should become."
    )
    seen = serializers.CharField(max_length=64, help_text="As the list of files told it.")


class Files(InProposal):
    """The files that the last check wrote; POST edits one by hand, and the checks begin again."""

    @extend_schema(responses=WrittenShape, operation_id="proposal_files")
    def get(self, _request: Request, **_path: Any) -> Response:
        return Response(WrittenShape({"files": _files(self.proposal())}).data)

    @deed(Scope.APPROVE, takes=FileEdit, gives={200: drafts.ProposalDetail}, name="proposal_files_edit")
    def post(self, request: Request, **_path: Any) -> Response:
        proposal, given = self.proposal(), read(FileEdit, request.data)
        hand_edits.file_edit(proposal=proposal, actor=self.user, **given)
        return Response(shown(proposal))


class RestoreFile(InProposal):
    """Have a file as it is generated, without what somebody edited in it."""

    @deed(Scope.APPROVE, takes=FilePath, gives={200: drafts.ProposalDetail}, name="proposal_files_restore")
    def post(self, request: Request, **_path: Any) -> Response:
        proposal, given = self.proposal(), read(FilePath, request.data)
        hand_edits.file_restore(proposal=proposal, path=given["path"], actor=self.user)
        return Response(shown(proposal))


def _files(proposal: Proposal) -> list[dict[str, Any]]:
    editors = {edit.path: str(edit.person) for edit in proposal.hand_edits.select_related("person")}
    return [
        {
            "path": file["path"],
            "before": file["before"],
            "generated": (generated := file.get("generated", file["after"])),
            "text": file["after"],
            "edited_by": editors.get(file["path"]),
            "seen": hand_edits.fingerprint(generated),
        }
        for file in hand_edits.files_of(proposal)
    ]
