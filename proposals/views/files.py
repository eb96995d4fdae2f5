"""The form in which an engineer edits a generated file of a proposal."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bisync.lib.diffs import diff
from bisync.lib.errors import InvalidInput, NotAllowed
from bisync.lib.web import go, page
from governance import permissions
from governance.models import Project
from governance.web import Request, in_project
from proposals.actions import hand_edits
from proposals.models import Proposal
from proposals.views.review import found, language
from semantic.codegen.by_hand import with_line_ends
from semantic.rules.metric import Problems


@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def edit(request: Request, project: Project, number: int) -> HttpResponse:
    """A file as it stands, to be edited; what was typed stays, whatever was wrong with it."""
    proposal = found(request, project, number)
    decision = permissions.decide(request.user, "proposal.amend", proposal)
    if not decision:
        raise NotAllowed(reason=decision.reason)
    path = request.GET.get("path", "")
    if request.method != "POST":
        return _form(request, proposal, path)
    text, seen = request.POST.get("text", ""), request.POST.get("seen", "")
    try:
        hand_edits.file_edit(proposal=proposal, path=path, text=text, seen=seen, actor=request.user)
    except InvalidInput as exc:
        return _form(request, proposal, path, typed=text, problems=exc.fields)
    except hand_edits.WrittenMeanwhile as exc:
        return _form(request, proposal, path, typed=text, problems={"seen": [str(exc)]})
    here = reverse("proposal", args=[project.slug, number])
    return go(request, f"{here}#files", say=_("The file was saved. The checks have begun again."))


def _form(
    request: Request,
    proposal: Proposal,
    path: str,
    *,
    typed: str | None = None,
    problems: Problems | None = None,
) -> HttpResponse:
    generated = hand_edits.generated_of(proposal, path)
    kept = proposal.hand_edits.filter(path=path).select_related("person").first()
    text = typed if typed is not None else kept.text if kept is not None else generated
    context = {
        "proposal": proposal,
        "path": path,
        "text": text,
        "seen": hand_edits.fingerprint(generated),
        "kept": kept,
        "own": diff(generated, with_line_ends(generated, text), language=language(path)),
        "problems": problems or {},
    }
    return page(request, "proposals/file_edit.html", context, status=422 if problems else 200)


@require_POST
@in_project
def restore(request: Request, project: Project, number: int) -> HttpResponse:
    """Take back what was edited by hand in a file."""
    proposal = found(request, project, number)
    hand_edits.file_restore(proposal=proposal, path=request.POST.get("path", ""), actor=request.user)
    here = reverse("proposal", args=[project.slug, number])
    return go(
        request, f"{here}#files", say=_("The file is as it was generated. The checks have begun again.")
    )
