"""Signing in to the back office: e-mail and password, second factor, limits. allauth does it, in our pages."""
