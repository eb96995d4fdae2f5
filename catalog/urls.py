from __future__ import annotations

from django.urls import path

from catalog import views

urlpatterns = [
    path("catalogue/", views.node_list, name="catalogue"),
    path("catalogue/views/", views.view_list, name="saved-views"),
    path("catalogue/views/<int:pk>/delete/", views.view_remove, name="saved-view-delete"),
    path("catalogue/<str:unique_id>/", views.node_detail, name="node"),
    path("catalogue/<str:unique_id>/renamed/<int:pk>/", views.renamed, name="renamed"),
    path("quality/", views.rule_list, name="quality"),
    path("lineage/<str:unique_id>/", views.lineage, name="lineage"),
]
