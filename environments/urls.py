from __future__ import annotations

from django.urls import path

from environments.views import connect, sources, versions

urlpatterns = [
    path("connect/", connect.resume, name="connect-resume"),
    path("connect/repository/", connect.repository, name="connect-repository"),
    path("connect/remote/", connect.remote, name="connect-remote"),
    path("connect/project/", connect.project, name="connect-project"),
    path("connect/parse/", connect.parse, name="connect-parse"),
    path("connect/warehouse/", connect.warehouse, name="connect-warehouse"),
    path("connect/build/", connect.build, name="connect-build"),
    path("connect/pull/", connect.pull, name="connect-pull"),
    path("connect/done/", connect.done, name="connect-done"),
    path("environments/", versions.environment_list, name="environments"),
    path("environments/new/", versions.environment_new, name="environment-new"),
    path("environments/<slug:slug>/", versions.environment_edit, name="environment-edit"),
    path("environments/<slug:slug>/schedule/", versions.schedule, name="environment-schedule"),
    path("environments/<slug:slug>/sources/", sources.sources, name="environment-sources"),
    path("environments/<slug:slug>/sources/look/", sources.look, name="environment-sources-look"),
    path("environments/<slug:slug>/deploy/", versions.deploy, name="deploy"),
    path("health/", versions.health_list, name="project-health"),
    path("pulls/", versions.pull_list, name="pulls"),
    path("pulls/start/", versions.pull_start, name="pull"),
    path("pulls/holds/<int:hold>/agree/", versions.hold_agree, name="hold-agree"),
    path("pulls/holds/<int:hold>/refuse/", versions.hold_refuse, name="hold-refuse"),
    path("pulls/<int:pk>/", versions.pull_detail, name="pull-detail"),
]
