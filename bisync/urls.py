"""Where every page lives; this module only mounts."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from bisync import views
from bisync.system import audit
from environments.views import connect
from governance.views import account, tokens
from workspace.views import hook

handler500 = "bisync.views.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("bisync.api.urls")),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("account/password/", account.password, name="password"),
    path("account/join/", account.join, name="join"),
    path("account/tokens/", tokens.token_list, name="tokens"),
    path("account/tokens/<int:pk>/revoke/", tokens.revoke, name="token-revoke"),
    path("account/notifications/", include("notify.urls")),
    path("account/appearance/", views.appearance, name="appearance"),
    path("account/shortcuts/", views.shortcuts, name="shortcuts"),
    path("", views.home, name="home"),
    path("connect/", connect.begin, name="connect"),
    path("hooks/<slug:hook>/", hook, name="hook"),
    path("system/", include("bisync.system.urls")),
    path("<slug:project>/", views.project_home, name="project"),
    path("<slug:project>/", include("governance.urls")),
    path("<slug:project>/audit/", audit.log, name="audit"),
    path("<slug:project>/audit/export/", audit.export, name="audit-export"),
    path("<slug:project>/audit/verify/", audit.verify, name="audit-verify"),
    path("<slug:project>/audit/object/<str:key>/", audit.thing, name="audit-object"),
    path("<slug:project>/search/", views.search, name="search"),
    path("<slug:project>/", include("workspace.urls")),
    path("<slug:project>/", include("catalog.urls")),
    path("<slug:project>/", include("environments.urls")),
    path("<slug:project>/", include("proposals.urls")),
    path("<slug:project>/", include("insights.urls")),
]
