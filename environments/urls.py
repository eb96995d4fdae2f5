from __future__ import annotations

from django.urls import path

from environments import views

urlpatterns = [
    path("environments/", views.environment_list, name="environments"),
    path("environments/new/", views.environment_new, name="environment-new"),
    path("environments/<slug:slug>/", views.environment_edit, name="environment-edit"),
    path("environments/<slug:slug>/deploy/", views.deploy, name="deploy"),
    path("pulls/", views.pull_list, name="pulls"),
    path("pulls/start/", views.pull_start, name="pull"),
    path("pulls/<int:pk>/", views.pull_detail, name="pull-detail"),
]
