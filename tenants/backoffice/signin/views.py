"""The pages of sign-in: allauth's views with our templates and fields. What is not listed here does not exist."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account import views as account
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tenants.backoffice.errors import page
from tenants.backoffice.forms import style
from tenants.backoffice.signin.adapters import log
from tenants.backoffice.site import backoffice


class Page:
    """What all pages of sign-in share: the site's look, the fields' look and a heading."""

    title = ""
    text = ""
    button = "Continue"
    request: Any

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The site's context, besides."""
        found: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        form = found.get("form")
        if form is not None:
            style(form)
        return {
            **backoffice.each_context(self.request),
            **found,
            "title": self.title,
            "text": self.text,
            "button": self.button,
            "mfa_required": settings.REQUIRE_MFA,
        }


class LoginView(Page, account.LoginView):  # type: ignore[misc]
    """`/accounts/login/`."""

    template_name = "tenants/signin/login.html"
    title, button = "Sign in", "Sign in"


class LogoutView(Page, account.LogoutView):  # type: ignore[misc]
    """`/accounts/logout/`: by POST only; a GET asks."""

    template_name = "tenants/signin/form.html"
    title, text, button = "Sign out", "Do you want to sign out?", "Sign out"


def inactive(request: HttpRequest) -> HttpResponse:
    """`/accounts/inactive/`: the password was right, but the account has been deactivated."""
    return page(request, 403, "Deactivated", "An operator has deactivated this account.")


class ReauthenticateView(Page, account.ReauthenticateView):  # type: ignore[misc]
    """`/accounts/reauthenticate/`."""

    template_name = "tenants/signin/form.html"
    title, text = "Your password, please", "You are about to change how you sign in."


class PasswordChangeView(Page, account.PasswordChangeView):  # type: ignore[misc]
    """`/accounts/password/change/`."""

    template_name = "tenants/signin/form.html"
    title, button = "Change your password", "Change password"
    text = "At least 12 characters. You stay signed in here."
    success_url = "/accounts/2fa/"

    def form_valid(self, form: Any) -> HttpResponse:
        """Log it."""
        response: HttpResponse = super().form_valid(form)
        log(self.request, "password_changed", self.request.user.pk)
        return response


class AuthenticateView(Page, factor.AuthenticateView):  # type: ignore[misc]
    """`/accounts/2fa/authenticate/`: the second step of sign-in."""

    template_name = "tenants/signin/authenticate.html"
    title, button = "Second step", "Sign in"
    text = "Enter the code of your authenticator app, or one of your recovery codes."

    def form_invalid(self, form: Any) -> HttpResponse:
        """Log it."""
        log(self.request, "second_factor_failed", self.stage.login.user.pk, level=logging.WARNING)
        response: HttpResponse = super().form_invalid(form)
        return response


class FactorReauthenticateView(Page, factor.ReauthenticateView):  # type: ignore[misc]
    """`/accounts/2fa/reauthenticate/`."""

    template_name = "tenants/signin/form.html"
    title, text = "Second step", "Enter the code of your authenticator app, or one of your recovery codes."

    def form_invalid(self, form: Any) -> HttpResponse:
        """Log it."""
        log(self.request, "second_factor_failed", self.request.user.pk, level=logging.WARNING)
        response: HttpResponse = super().form_invalid(form)
        return response


class SecurityView(Page, factor.IndexView):  # type: ignore[misc]
    """`/accounts/2fa/`: how I sign in."""

    template_name = "tenants/signin/security.html"
    title = "How you sign in"


class ActivateView(Page, totp.ActivateTOTPView):  # type: ignore[misc]
    """`/accounts/2fa/totp/activate/`."""

    template_name = "tenants/signin/activate.html"
    title, button = "Set up your authenticator app", "Activate"

    def form_valid(self, form: Any) -> HttpResponse:
        """The code was right, so this session has shown the second factor."""
        response: HttpResponse = super().form_valid(form)
        record_authentication(self.request, self.request.user, method="mfa", type="totp", reauthenticated=True)
        log(self.request, "second_factor_activated", self.request.user.pk)
        return response


class DeactivateView(Page, totp.DeactivateTOTPView):  # type: ignore[misc]
    """`/accounts/2fa/totp/deactivate/`."""

    template_name = "tenants/signin/form.html"
    title, button = "Remove your authenticator app", "Remove"
    text = "From then on your password alone opens the back office."

    def form_valid(self, form: Any) -> HttpResponse:
        """Log it."""
        response: HttpResponse = super().form_valid(form)
        log(self.request, "second_factor_removed", self.request.user.pk, level=logging.WARNING)
        return response


class CodesView(Page, codes.ViewRecoveryCodesView):  # type: ignore[misc]
    """`/accounts/2fa/recovery-codes/`: shown once."""

    template_name = "tenants/signin/codes.html"
    title = "Recovery codes"


class GenerateCodesView(Page, codes.GenerateRecoveryCodesView):  # type: ignore[misc]
    """`/accounts/2fa/recovery-codes/generate/`."""

    template_name = "tenants/signin/form.html"
    title, button = "New recovery codes", "Make new codes"
    text = "The codes you have now stop working."
