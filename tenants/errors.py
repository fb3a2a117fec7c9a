"""Errors of the tenants app."""

from common.errors import Conflict, RuleViolation


class TenantExists(Conflict):
    """The slug is taken."""

    code = "already_exists"
    message = "A tenant with this slug exists already."


class ApplicationExists(Conflict):
    """The slug is taken within the tenant."""

    code = "already_exists"
    message = "An application with this slug exists already."


class InvalidSlug(RuleViolation):
    """The slug has another shape than slugs have."""

    code = "invalid_slug"
    message = "A slug has 1 to 64 lower-case letters, digits and hyphens, and does not begin with a hyphen."


class UserExists(Conflict):
    """The e-mail address is taken."""

    code = "already_exists"
    message = "A user with this e-mail address exists already."


class UnknownScopes(RuleViolation):
    """A service key was asked for with scopes that do not exist."""

    code = "unknown_scope"
    message = "Some of the scopes do not exist."
