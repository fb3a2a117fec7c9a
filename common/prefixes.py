"""The prefixes of our ids, in one place: what stands before the underscore in `inv_01hqx3qgf2c8mhwy9s6zwmf3yh`.

A prefix is part of the API: it is never changed and never used for a second kind of object.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

TENANT: Final = "tnt"
APPLICATION: Final = "app"
SERVICE_KEY: Final = "key"
USER: Final = "usr"
MEMBERSHIP: Final = "mem"
AUDIT_ENTRY: Final = "aud"
TEST_CLOCK: Final = "clk"
JOB: Final = "job"

EVENT: Final = "evt"
MAIL: Final = "mail"

ACCOUNT: Final = "acc"
TRANSFER: Final = "txn"
JOURNAL_ENTRY: Final = "ent"
JOURNAL_LINE: Final = "line"
SEAL: Final = "seal"
HOLD: Final = "hold"
UNIT: Final = "unit"

CUSTOMER: Final = "cst"
PRODUCT: Final = "prd"
PRICE: Final = "prc"
PLAN: Final = "plan"
PLAN_VERSION: Final = "plv"
FEATURE: Final = "feat"
COUPON: Final = "cpn"
REDEMPTION: Final = "red"
TAX_RATE: Final = "txr"
EXCHANGE_RATE: Final = "fxr"
PROVIDER: Final = "prov"
PROVIDER_EVENT: Final = "pev"
PAYMENT: Final = "pay"
PAYMENT_METHOD: Final = "pm"
REFUND: Final = "rfd"
DISPUTE: Final = "dsp"
CHECKOUT_SESSION: Final = "chk"

METER: Final = "mtr"
USAGE_EVENT: Final = "uevt"

INVOICE: Final = "inv"
INVOICE_ITEM: Final = "li"
CREDIT_NOTE: Final = "cn"

SUBSCRIPTION: Final = "sub"
SUBSCRIPTION_ITEM: Final = "si"
BILLING_RUN: Final = "run"
GRANT: Final = "grn"
RESERVATION: Final = "rsv"
ENTITLEMENT_OVERRIDE: Final = "ovr"

WEBHOOK_SUBSCRIBER: Final = "whk"
WEBHOOK_DELIVERY: Final = "dlv"

PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {name: value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)}
)
"""Every prefix by the name of its constant."""
