from __future__ import annotations

from django.urls import path

from workspace import views

urlpatterns = [
    path("runs/", views.run_list, name="runs"),
    path("runs/<int:pk>/", views.run_detail, name="run"),
    path("runs/<int:pk>/output/<int:command>.txt", views.run_output, name="run-output"),
    path("runs/<int:pk>/cancel/", views.run_cancel, name="run-cancel"),
    path("runs/<int:pk>/retry/", views.run_retry, name="run-retry"),
    path("queues/", views.project_queues, name="queues"),
    path("pulls/lineage/", views.lineage_start, name="lineage-start"),
    path("settings/pulls/", views.automatic_pulls, name="automatic-pulls"),
    path("settings/repository/", views.repository_edit, name="repository"),
]
