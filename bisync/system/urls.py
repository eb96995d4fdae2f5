from __future__ import annotations

from django.urls import path

from bisync.system import audit, views
from governance.views import people
from workspace import views as work

urlpatterns = [
    path("", views.begin, name="system"),
    path("people/", people.person_list, name="system-people"),
    path("people/add/", people.person_add, name="system-person-add"),
    path("people/<int:person>/", people.person, name="system-person"),
    path("people/<int:person>/link/", people.person_link, name="system-person-link"),
    path("people/<int:person>/deactivate/", people.person_deactivate, name="system-person-deactivate"),
    path("people/<int:person>/reactivate/", people.person_reactivate, name="system-person-reactivate"),
    path("people/<int:person>/appoint/", people.person_appoint, name="system-person-appoint"),
    path("people/<int:person>/dismiss/", people.person_dismiss, name="system-person-dismiss"),
    path(
        "people/<int:person>/tokens/<int:token>/revoke/",
        people.token_revoke,
        name="system-person-token-revoke",
    ),
    path("audit/", audit.system_log, name="system-audit"),
    path("audit/export/", audit.system_export, name="system-audit-export"),
    path("audit/verify/", audit.system_verify, name="system-audit-verify"),
    path("audit/object/<str:key>/", audit.system_thing, name="system-audit-object"),
    path("health/", views.system_health, name="system-health"),
    path("settings/", views.system_settings, name="system-settings"),
    path("repositories/", views.repositories, name="system-repositories"),
    path("environments/", views.environments, name="system-environments"),
    path("tokens/", views.tokens, name="system-tokens"),
    path("runs/", work.system_runs, name="system-runs"),
    path("queues/", work.queues, name="system-queues"),
    path("queues/<slug:queue>/resume/", work.queue_resume, name="system-queue-resume"),
    path("queues/<slug:queue>/drain-again/", work.queue_drain_again, name="system-queue-drain-again"),
]
