"""Assembles the routes of all apps. Which app serves what: CONTRIBUTING.md."""

from django.urls import URLPattern, URLResolver, include, path

from ledger_project.health import HealthView, LivenessView, MetricsView, ReadinessView
from ledger_project.openapi import DocsView, OpenApiView
from tenants.backoffice.urls import urlpatterns as backoffice

# JSON for programs, a page under /admin and /accounts.
handler400 = "tenants.backoffice.errors.bad_request"
handler403 = "tenants.backoffice.errors.forbidden"
handler404 = "tenants.backoffice.errors.not_found"
# allauth asks for it.
handler429 = "tenants.backoffice.errors.too_many_requests"
handler500 = "tenants.backoffice.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    # The first match wins and is found by trying one after the other: what is called most stands first.
    path("", include("invoicing.api.urls")),
    path("", include("accounting.api.urls")),
    path("api/health", HealthView.as_view()),
    path("healthz", LivenessView.as_view()),
    path("readyz", ReadinessView.as_view()),
    path("metrics", MetricsView.as_view()),
    path("api/openapi", OpenApiView.as_view()),
    path("api/docs", DocsView.as_view()),
    path("", include("tenants.api.urls")),
    path("", include("accounting.api.urls")),
    path("", include("billing.api.urls")),
    path("", include("webhooks.api.urls")),
    *backoffice,
]
