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


class LastOwner(Conflict):
    """The tenant would be left without anybody who may do everything."""

    code = "last_owner"
    message = "This is the last owner of the tenant. Make somebody else an owner first."


class OwnersOnly(RuleViolation):
    """Somebody who is no owner tried to make one, or to change one."""

    code = "owners_only"
    message = "Only an owner may make somebody an owner, or change an owner's membership."


class AlreadyMember(Conflict):
    """The user belongs to the tenant."""

    code = "already_member"
    message = "This user is a member of the tenant already."


class UserInactive(Conflict):
    """The user is switched off everywhere."""

    code = "user_inactive"
    message = "This user has been deactivated by an operator."


class UnknownScopes(RuleViolation):
    """A service key was asked for with scopes that do not exist."""

    code = "unknown_scope"
    message = "Some of the scopes do not exist."


class InvalidLogo(RuleViolation):
    """The picture is not one that can stand on a document."""

    code = "invalid_logo"
    message = "A logo is a PNG or JPEG picture of at most 256 KiB and 2,000 by 2,000 pixels."
