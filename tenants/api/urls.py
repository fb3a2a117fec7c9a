"""Routes of the tenants app."""

from django.urls import path

from tenants.api.views import AuditView, JobView, SettingsView

urlpatterns = [
    path("api/settings", SettingsView.as_view()),
    path("api/audit", AuditView.as_view()),
    path("api/jobs/<str:id>", JobView.as_view()),
]
