"""Routes of sign-in. The names are allauth's, which looks them up."""

from __future__ import annotations

from django.urls import path

from tenants.backoffice.signin import views

urlpatterns = [
    path("login/", views.LoginView.as_view(), name="account_login"),
    path("logout/", views.LogoutView.as_view(), name="account_logout"),
    path("inactive/", views.inactive, name="account_inactive"),
    path("reauthenticate/", views.ReauthenticateView.as_view(), name="account_reauthenticate"),
    path("password/change/", views.PasswordChangeView.as_view(), name="account_change_password"),
    path("2fa/", views.SecurityView.as_view(), name="mfa_index"),
    path("2fa/authenticate/", views.AuthenticateView.as_view(), name="mfa_authenticate"),
    path("2fa/reauthenticate/", views.FactorReauthenticateView.as_view(), name="mfa_reauthenticate"),
    path("2fa/totp/activate/", views.ActivateView.as_view(), name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", views.DeactivateView.as_view(), name="mfa_deactivate_totp"),
    path("2fa/recovery-codes/", views.CodesView.as_view(), name="mfa_view_recovery_codes"),
    path("2fa/recovery-codes/generate/", views.GenerateCodesView.as_view(), name="mfa_generate_recovery_codes"),
]
