"""Assembles the routes of all apps. Which app serves what: CONTRIBUTING.md."""

from django.urls import URLPattern, URLResolver, include, path

from ledger_project.health import HealthView, LivenessView, MetricsView, ReadinessView
from ledger_project.openapi import DocsView, OpenApiView

handler400 = "common.api.frame.bad_request"
handler404 = "common.api.frame.not_found"
handler500 = "common.api.frame.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    # The first match wins and is found by trying one after the other: what is called most stands first.
    path("", include("invoicing.api.urls")),
    path("api/health", HealthView.as_view()),
    path("healthz", LivenessView.as_view()),
    path("readyz", ReadinessView.as_view()),
    path("metrics", MetricsView.as_view()),
    path("api/openapi", OpenApiView.as_view()),
    path("api/docs", DocsView.as_view()),
    path("", include("tenants.api.urls")),
    path("", include("billing.api.urls")),
]
