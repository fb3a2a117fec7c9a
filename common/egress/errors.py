"""What the egress guard refuses, and how an exchange can fail."""

from enum import StrEnum

from common.errors import Problem, RuleViolation


class UrlRule(StrEnum):
    """The rule a refused URL breaks; appears as `code` in `UrlNotAllowed.details`."""

    TOO_LONG = "too_long"
    CHARACTER = "character"
    SCHEME = "scheme"
    USERINFO = "userinfo"
    FRAGMENT = "fragment"
    HOST = "host"
    PORT = "port"
    PATH = "path"
    LOCAL_NAME = "local_name"
    ADDRESS = "address"


class UrlNotAllowed(RuleViolation):
    """422: a URL that Ledger will not call. `message` names the rule; `details` repeats it with the rule as its code.

    A host name that resolves to an address inside the network is refused without naming the address: the caller may be
    a tenant, and the answer must not become a way to read the internal DNS.
    """

    code = "url_not_allowed"
    message = "The URL may not be called."

    def __init__(self, rule: UrlRule, message: str, *, path: str = "url") -> None:
        super().__init__(message, details=[Problem(path, rule.value, message)])
        self.rule = rule


class ExchangeFailure(StrEnum):
    """Why no complete answer was received."""

    UNRESOLVABLE = "unresolvable"
    REFUSED_ADDRESS = "refused_address"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"


class ExchangeFailed(Exception):
    """No complete HTTP answer was received; `kind` says at which step, `message` is safe to show to the tenant."""

    def __init__(self, kind: ExchangeFailure, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
