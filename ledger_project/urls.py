"""Assembles the routes of all apps. Which app serves what: CONTRIBUTING.md."""

from django.urls import URLPattern, URLResolver, include, path

handler400 = "common.api.frame.bad_request"
handler404 = "common.api.frame.not_found"
handler500 = "common.api.frame.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("tenants.api.urls")),
    path("", include("billing.api.urls")),
    path("", include("invoicing.api.urls")),
]
