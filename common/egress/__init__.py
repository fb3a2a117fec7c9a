"""The egress guard: every request to a URL that somebody else chose goes through here.

`check_url` judges a URL when it is registered, `send` judges it again at every request and performs the exchange.
Rules: a URL is parsed once (`urls`); all addresses of its host must be public (`addresses`) or allowed by the
installation (`policy`, the variable LEDGER_EGRESS_ALLOW); the connection goes to an address that was checked
(`resolution`, `connection`); no redirect is followed; the whole exchange has one deadline. `smtp` holds the
servers that a tenant's mail goes through to the same rules.
"""

from common.egress.addresses import is_public
from common.egress.errors import ExchangeFailed, ExchangeFailure, UrlNotAllowed, UrlRule
from common.egress.policy import EgressPolicy
from common.egress.resolution import Deadline, Resolver, check_url, resolve_with_system
from common.egress.smtp import MailRefused, MailServer, SmtpSession, Stage
from common.egress.transport import Response, send
from common.egress.urls import Target, parse_url

__all__ = [
    "Deadline",
    "EgressPolicy",
    "ExchangeFailed",
    "ExchangeFailure",
    "MailRefused",
    "MailServer",
    "Resolver",
    "Response",
    "SmtpSession",
    "Stage",
    "Target",
    "UrlNotAllowed",
    "UrlRule",
    "check_url",
    "is_public",
    "parse_url",
    "resolve_with_system",
    "send",
]
