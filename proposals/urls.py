from __future__ import annotations

from django.urls import path

from proposals.views import conflicts, draft, files, formulas, review

urlpatterns = [
    path("proposals/", review.proposal_list, name="proposals"),
    path("proposals/<int:number>/", review.proposal_detail, name="proposal"),
    path("proposals/<int:number>/approve/", review.approve, name="proposal-approve"),
    path("proposals/<int:number>/return/", review.ask_for_changes, name="proposal-return"),
    path("proposals/<int:number>/comment/", review.comment, name="proposal-comment"),
    path("proposals/<int:number>/publish/", review.publish, name="proposal-publish"),
    path("proposals/<int:number>/publish-again/", review.publish_again, name="proposal-publish-again"),
    path("proposals/<int:number>/check-again/", review.check_again, name="proposal-check-again"),
    path("proposals/<int:number>/take-back/", review.take_back, name="proposal-take-back"),
    path("proposals/<int:number>/withdraw/", review.withdraw, name="proposal-withdraw"),
    path("proposals/<int:number>/restore/", review.restore, name="proposal-restore"),
    path("proposals/<int:number>/files/edit/", files.edit, name="proposal-file-edit"),
    path("proposals/<int:number>/files/restore/", files.restore, name="proposal-file-restore"),
    path("proposals/<int:number>/conflicts/", conflicts.conflict_list, name="conflicts"),
    path("proposals/<int:number>/conflicts/<int:conflict>/decide/", conflicts.decide, name="conflict-decide"),
    path("proposals/<int:number>/conflicts/<int:conflict>/try/", conflicts.attempt, name="conflict-try"),
    path("proposals/<int:number>/conflicts/<int:conflict>/undo/", conflicts.undo, name="conflict-undo"),
    path("propose/", draft.propose_here, name="propose-here"),
    path("formulas/", formulas.functions, name="formulas"),
    path("catalogue/<str:unique_id>/measures/<path:column>/", draft.measure, name="propose-measure"),
    path("<slug:environment>/propose/", draft.propose, name="propose"),
    path("<slug:environment>/proposals/<int:number>/edit/", draft.edit, name="proposal-edit"),
    path("<slug:environment>/proposals/<int:number>/edit/<int:item>/", draft.edit, name="proposal-edit"),
    path("<slug:environment>/proposals/<int:number>/save/<int:item>/", draft.save, name="proposal-save"),
    path(
        "<slug:environment>/proposals/<int:number>/preview/<int:item>/",
        draft.preview,
        name="proposal-preview",
    ),
    path(
        "<slug:environment>/proposals/<int:number>/remove/<int:item>/",
        draft.remove,
        name="proposal-item-remove",
    ),
    path("<slug:environment>/proposals/<int:number>/save/", draft.save, name="proposal-save"),
    path("<slug:environment>/proposals/<int:number>/preview/", draft.preview, name="proposal-preview"),
    path("<slug:environment>/vocabulary.json", draft.vocabulary, name="vocabulary"),
]
