"""Routes of the tenants app."""

from django.urls import path

from tenants.api.views import SettingsView

urlpatterns = [path("api/settings", SettingsView.as_view())]
