"""Where to go when a session has not shown a second factor."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest
from django.urls import reverse

from tenants.services.second_factors import has_shown_second_factor


def second_factor_missing(request: HttpRequest) -> str | None:
    """None, or the path where the user sets a device up or shows the one they have."""
    if has_shown_second_factor(request):
        return None
    user: Any = request.user
    if is_mfa_enabled(user, [Authenticator.Type.TOTP]):
        return f"{reverse('mfa_reauthenticate')}?{urlencode({'next': request.get_full_path()})}"
    return reverse("mfa_activate_totp")
