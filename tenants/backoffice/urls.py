"""Routes of the back office and of sign-in. Loading this module loads the pages of every app (`<app>/admin.py`)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from tenants.backoffice.site import backoffice


def load_pages() -> None:
    """Import the `admin` module of each of our apps; those of others would register what nobody may see."""
    for config in apps.get_app_configs():
        if "." not in config.name and find_spec(f"{config.name}.admin"):
            import_module(f"{config.name}.admin")


load_pages()
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", backoffice.urls),
    path("accounts/", include("tenants.backoffice.signin.urls")),
]
