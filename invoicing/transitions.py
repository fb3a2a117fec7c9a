"""The lives of invoices and of months of service. Only the functions here write a status; triggers refuse the rest."""

from __future__ import annotations

import datetime as dt

from common.errors import DomainError
from common.states import StateMachine, TransitionRefused
from invoicing.enums import InvoiceCommand as Do
from invoicing.enums import InvoiceStatus as Is
from invoicing.enums import RecognitionCommand, RecognitionStatus
from invoicing.models import Invoice, Recognition

INVOICE = StateMachine(
    "invoice",
    {
        (Is.DRAFT, Do.FINALISE): Is.PENDING,
        (Is.PENDING, Do.SETTLE): Is.PAID,
        (Is.PENDING, Do.FAIL): Is.FAILED,
        (Is.PENDING, Do.FALL_DUE): Is.PAST_DUE,
        (Is.PENDING, Do.VOID): Is.VOID,
        (Is.PENDING, Do.WRITE_OFF): Is.UNCOLLECTIBLE,
        (Is.FAILED, Do.RETRY): Is.PENDING,
        (Is.FAILED, Do.SETTLE): Is.PAID,
        (Is.FAILED, Do.FALL_DUE): Is.PAST_DUE,
        (Is.FAILED, Do.VOID): Is.VOID,
        (Is.FAILED, Do.WRITE_OFF): Is.UNCOLLECTIBLE,
        (Is.PAST_DUE, Do.SETTLE): Is.PAID,
        (Is.PAST_DUE, Do.FAIL): Is.FAILED,
        (Is.PAST_DUE, Do.VOID): Is.VOID,
        (Is.PAST_DUE, Do.WRITE_OFF): Is.UNCOLLECTIBLE,
        (Is.UNCOLLECTIBLE, Do.SETTLE): Is.PAID,
        (Is.UNCOLLECTIBLE, Do.VOID): Is.VOID,
        (Is.PAID, Do.REFUND): Is.REFUNDED,
        (Is.PAID, Do.LOSE_DISPUTE): Is.PAST_DUE,
    },
    initial=Is.DRAFT,
)

RECOGNITION = StateMachine(
    "recognition",
    {
        (RecognitionStatus.SCHEDULED, RecognitionCommand.RECOGNISE): RecognitionStatus.RECOGNISED,
        (RecognitionStatus.SCHEDULED, RecognitionCommand.VOID): RecognitionStatus.CANCELLED,
        (RecognitionStatus.RECOGNISED, RecognitionCommand.VOID): RecognitionStatus.REVERSED,
    },
    initial=RecognitionStatus.SCHEDULED,
)


def apply_recognition_transition(row: Recognition, command: RecognitionCommand) -> None:
    """Set the status that `command` leads to. Raises `TransitionRefused`, which no caller brings about."""
    row.status = RECOGNITION.next_state(RecognitionStatus(row.status), command)


def apply_transition(
    invoice: Invoice,
    command: Do,
    *,
    at: dt.datetime,
    refusals: dict[Is, type[DomainError]],
    otherwise: type[DomainError],
) -> None:
    """Set the status that `command` leads to. Refused, it raises what the route promises for the current status."""
    try:
        invoice.status = INVOICE.next_state(Is(invoice.status), command)
    except TransitionRefused as refused:
        raise refusals.get(Is(invoice.status), otherwise)() from refused
    invoice.updated_at = at
