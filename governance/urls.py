from __future__ import annotations

from django.urls import path

from governance.views import people

urlpatterns = [
    path("people/", people.member_list, name="people"),
    path("people/add/", people.member_add, name="member-add"),
    path("people/undo/", people.roles_undo, name="roles-undo"),
    path("people/<int:member>/", people.member, name="member"),
    path("people/<int:member>/remove/", people.member_remove, name="member-remove"),
    path("people/<int:member>/link/", people.member_link, name="member-link"),
]
