from __future__ import annotations

from django.urls import path

from notify import views

urlpatterns = [
    path("", views.inbox, name="notifications"),
    path("all-read/", views.all_read, name="notifications-read"),
    path("unread/", views.unread_again, name="notifications-unread"),
    path("choices/", views.choices, name="notification-choices"),
    path("thread/", views.thread, name="notification-thread"),
    path("<int:pk>/read/", views.read, name="notification-read"),
]
