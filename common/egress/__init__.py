"""The egress guard: every request to a URL that somebody else chose goes through here.

`check_url` judges a URL when it is registered, `send` judges it again at every request and performs the exchange.
Rules: a URL is parsed once (`urls`); all addresses of its host must be public (`addresses`) or allowed by the
installation (`policy`, the variable LEDGER_EGRESS_ALLOW); the connection goes to an address that was checked
(`resolution`, `transport`); no redirect is followed; the whole exchange has one deadline.
"""

from common.egress.addresses import is_public
from common.egress.errors import ExchangeFailed, ExchangeFailure, UrlNotAllowed, UrlRule
from common.egress.policy import EgressPolicy
from common.egress.resolution import Resolver, check_url, resolve_with_system
from common.egress.transport import Response, send
from common.egress.urls import Target, parse_url

__all__ = [
    "EgressPolicy",
    "ExchangeFailed",
    "ExchangeFailure",
    "Resolver",
    "Response",
    "Target",
    "UrlNotAllowed",
    "UrlRule",
    "check_url",
    "is_public",
    "parse_url",
    "resolve_with_system",
    "send",
]
