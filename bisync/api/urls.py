from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from bisync.api import views

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("me/", views.MeView.as_view(), name="api-me"),
    path("projects/", views.Projects.as_view(), name="api-projects"),
    path("projects/<slug:project>/pulls/", views.Pulls.as_view(), name="api-pulls"),
    path("projects/<slug:project>/nodes/", views.Catalogue.as_view(), name="api-nodes"),
    path("projects/<slug:project>/nodes/<str:unique_id>/", views.CatalogueNode.as_view(), name="api-node"),
    path("projects/<slug:project>/metrics/", views.Metrics.as_view(), name="api-metrics"),
    path("projects/<slug:project>/metrics/<str:name>/", views.Metric.as_view(), name="api-metric"),
    path(
        "projects/<slug:project>/metrics/<str:name>/numbers/<slug:environment>/",
        views.MetricNumbers.as_view(),
        name="api-metric-numbers",
    ),
    path("projects/<slug:project>/environments/", views.Environments.as_view(), name="api-environments"),
    path(
        "projects/<slug:project>/environments/<slug:environment>/deployments/",
        views.Deployments.as_view(),
        name="api-deployments",
    ),
    path("projects/<slug:project>/runs/", views.Runs.as_view(), name="api-runs"),
    path("projects/<slug:project>/runs/<int:pk>/", views.RunView.as_view(), name="api-run"),
    path("projects/<slug:project>/runs/<int:pk>/cancel/", views.RunCancel.as_view(), name="api-run-cancel"),
    path("projects/<slug:project>/runs/<int:pk>/retry/", views.RunRetry.as_view(), name="api-run-retry"),
    path("projects/<slug:project>/proposals/", views.Proposals.as_view(), name="api-proposals"),
    path(
        "projects/<slug:project>/proposals/<int:number>/", views.ProposalView.as_view(), name="api-proposal"
    ),
    path(
        "projects/<slug:project>/proposals/<int:number>/comments/",
        views.Comments.as_view(),
        name="api-comments",
    ),
    *(
        path(
            f"projects/<slug:project>/proposals/<int:number>/{name}/",
            view.as_view(),
            name=f"api-proposal-{name}",
        )
        for name, view in views.STEPS.items()
    ),
]
