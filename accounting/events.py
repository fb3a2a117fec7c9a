"""The types of the events that accounting publishes. Their data are the objects as the API shows them."""

TRANSFER_POSTED = "transfer.posted"
TRANSFER_VOIDED = "transfer.voided"
