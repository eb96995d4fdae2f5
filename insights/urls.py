from __future__ import annotations

from django.urls import path

from insights import views

urlpatterns = [
    path("catalogue/<str:unique_id>/owners/", views.ledger, name="ledger"),
    path("metrics/<slug:name>/", views.metric_anywhere, name="metric-anywhere"),
    path("<slug:environment>/metrics/", views.metric_list, name="metrics"),
    path("<slug:environment>/metrics/<slug:name>/", views.metric_detail, name="metric"),
]
