"""What the egress guard refuses, and how an exchange can fail."""

from enum import StrEnum


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


class UrlNotAllowed(Exception):
    """A URL that Ledger will not call.

    `message` names the rule in plain English; `details` holds one item `{"path", "code", "message"}` as the API's error
    envelope wants it. A host name that resolves to an address inside the network is refused without naming the
    address: the caller may be a tenant, and the answer must not become a way to read the internal DNS.
    """

    code = "url_not_allowed"
    status = 422

    def __init__(self, rule: UrlRule, message: str, *, path: str = "url") -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.details: list[dict[str, str]] = [{"path": path, "code": rule.value, "message": message}]


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
