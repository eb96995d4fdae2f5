from __future__ import annotations

from django.urls import path

from insights import views

urlpatterns = [
    path("metrics/<slug:name>/", views.metric_anywhere, name="metric-anywhere"),
    path("<slug:environment>/metrics/", views.metric_list, name="metrics"),
    path("<slug:environment>/metrics/<slug:name>/", views.metric_detail, name="metric"),
]
