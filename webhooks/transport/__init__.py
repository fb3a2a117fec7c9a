"""Many guarded HTTP exchanges at a time, on one thread; knows nothing of deliveries.

`addresses` finds and judges where a host is, `transfers` runs the exchanges with libcurl. As in `common.egress`: the
connection goes to an address that was checked, no redirect is followed, no proxy is taken from the environment, the
whole exchange has one deadline, and the answer is bounded.
"""

from webhooks.transport.addresses import AddressBook
from webhooks.transport.exchange import Exchange, Outcome
from webhooks.transport.transfers import Transfers

__all__ = ["AddressBook", "Exchange", "Outcome", "Transfers"]
