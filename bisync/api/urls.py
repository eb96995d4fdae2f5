from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import PathConverter
from drf_spectacular.views import SpectacularAPIView

from bisync.api import catalogue, docs, files, items, notifications, projects, proposals, syncing
from bisync.api.base import Nowhere


class Anything(PathConverter):
    """Line breaks, too."""

    regex = r"[\s\S]+"


register_converter(Anything, "anything")

PROJECT = "projects/<slug:project>"
ENVIRONMENT = f"{PROJECT}/environments/<slug:environment>"
PROPOSAL = f"{PROJECT}/proposals/<int:number>"

urlpatterns = [
    path("", docs.reference, name="api"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("me/", projects.MeView.as_view(), name="api-me"),
    path("notifications/", notifications.Notifications.as_view(), name="api-notifications"),
    path(
        "notifications/<int:pk>/read/", notifications.NotificationRead.as_view(), name="api-notification-read"
    ),
    path("projects/", projects.Projects.as_view(), name="api-projects"),
    path(f"{PROJECT}/", projects.OneProject.as_view(), name="api-project"),
    path(f"{PROJECT}/members/", projects.Members.as_view(), name="api-members"),
    path(f"{PROJECT}/pulls/", projects.Pulls.as_view(), name="api-pulls"),
    path(f"{PROJECT}/pulls/<int:pk>/", projects.OnePull.as_view(), name="api-pull"),
    path(f"{PROJECT}/pulls/<int:pk>/changes/", projects.PullChanges.as_view(), name="api-pull-changes"),
    path(f"{PROJECT}/sync/", syncing.Sync.as_view(), name="api-sync"),
    path(f"{PROJECT}/lineage/", syncing.Lineage.as_view(), name="api-lineage"),
    path(f"{PROJECT}/webhook/", syncing.Webhook.as_view(), name="api-webhook"),
    path(f"{PROJECT}/webhook/close/", syncing.WebhookClose.as_view(), name="api-webhook-close"),
    path(f"{PROJECT}/artifacts/<str:name>/", projects.Artifacts.as_view(), name="api-artifact"),
    path(f"{PROJECT}/environments/", projects.Environments.as_view(), name="api-environments"),
    path(f"{ENVIRONMENT}/", projects.OneEnvironment.as_view(), name="api-environment"),
    path(f"{ENVIRONMENT}/deployments/", projects.Deployments.as_view(), name="api-deployments"),
    path(f"{ENVIRONMENT}/freshness/", projects.Freshness.as_view(), name="api-freshness"),
    path(f"{ENVIRONMENT}/series/", catalogue.Series.as_view(), name="api-series"),
    path(f"{ENVIRONMENT}/vocabulary/", catalogue.Vocabulary.as_view(), name="api-vocabulary"),
    path(f"{PROJECT}/runs/", projects.Runs.as_view(), name="api-runs"),
    path(f"{PROJECT}/runs/<int:pk>/", projects.OneRun.as_view(), name="api-run"),
    path(f"{PROJECT}/runs/<int:pk>/cancel/", projects.RunCancel.as_view(), name="api-run-cancel"),
    path(f"{PROJECT}/runs/<int:pk>/retry/", projects.RunRetry.as_view(), name="api-run-retry"),
    path(f"{PROJECT}/groups/", catalogue.Groups.as_view(), name="api-groups"),
    path(f"{PROJECT}/nodes/", catalogue.Nodes.as_view(), name="api-nodes"),
    path(f"{PROJECT}/nodes/<str:unique_id>/", catalogue.OneNode.as_view(), name="api-node"),
    path(
        f"{PROJECT}/nodes/<str:unique_id>/history/", catalogue.NodeHistory.as_view(), name="api-node-history"
    ),
    path(
        f"{PROJECT}/nodes/<str:unique_id>/history/<int:pk>/settle/",
        catalogue.RenameSettle.as_view(),
        name="api-rename-settle",
    ),
    path(f"{PROJECT}/nodes/<str:unique_id>/owners/", catalogue.NodeOwners.as_view(), name="api-node-owners"),
    path(f"{PROJECT}/views/", catalogue.SavedViews.as_view(), name="api-saved-views"),
    path(
        f"{PROJECT}/views/<int:pk>/delete/", catalogue.SavedViewDelete.as_view(), name="api-saved-view-delete"
    ),
    path(f"{PROJECT}/metrics/", catalogue.Metrics.as_view(), name="api-metrics"),
    path(f"{PROJECT}/metrics/<str:name>/", catalogue.OneMetric.as_view(), name="api-metric"),
    path(
        f"{PROJECT}/metrics/<str:name>/numbers/<slug:environment>/",
        catalogue.MetricNumbers.as_view(),
        name="api-metric-numbers",
    ),
    path(f"{PROJECT}/proposals/", proposals.Proposals.as_view(), name="api-proposals"),
    path(f"{PROPOSAL}/", proposals.OneProposal.as_view(), name="api-proposal"),
    path(f"{PROPOSAL}/items/", items.Items.as_view(), name="api-items"),
    path(f"{PROPOSAL}/items/<int:item>/", items.OneItem.as_view(), name="api-item"),
    path(f"{PROPOSAL}/items/<int:item>/remove/", items.RemoveItem.as_view(), name="api-item-remove"),
    path(f"{PROPOSAL}/preview/", proposals.Preview.as_view(), name="api-preview"),
    path(
        f"{PROPOSAL}/conflicts/<int:conflict>/decide/", proposals.Decide.as_view(), name="api-conflict-decide"
    ),
    path(f"{PROPOSAL}/conflicts/<int:conflict>/undo/", proposals.Undo.as_view(), name="api-conflict-undo"),
    path(f"{PROPOSAL}/files/", files.Files.as_view(), name="api-files"),
    path(f"{PROPOSAL}/files/restore/", files.RestoreFile.as_view(), name="api-file-restore"),
    path(f"{PROPOSAL}/comments/", proposals.Comments.as_view(), name="api-comments"),
    *(
        path(f"{PROPOSAL}/{name}/", view.as_view(), name=f"api-proposal-{name}")
        for name, view in proposals.STEPS.items()
    ),
    path("<anything:rest>", Nowhere.as_view(), name="api-nowhere"),
]
