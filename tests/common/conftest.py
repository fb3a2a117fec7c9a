"""Property tests count examples, not milliseconds: a busy machine must not fail them."""

from hypothesis import settings

settings.register_profile("ledger", deadline=None)
settings.load_profile("ledger")
