"""Which subscriber gets which event."""

import pytest

from events.registry import pattern_matches, subscribe, subscribers_of, unsubscribe
from tests.events.conftest import an_event


def nothing(event):
    pass


@pytest.mark.parametrize(
    ("pattern", "event_type", "matches"),
    [
        ("*", "invoice.paid", True),
        ("invoice.*", "invoice.paid", True),
        ("invoice.*", "invoice.payment.failed", True),
        ("invoice.*", "invoices.paid", False),
        ("invoice.*", "invoice", False),
        ("invoice.payment.*", "invoice.payment.failed", True),
        ("invoice.payment.*", "invoice.paid", False),
        ("invoice.paid", "invoice.paid", True),
        ("invoice.paid", "invoice.paid_late", False),
        ("credit_note.issued", "credit_note.issued", True),
    ],
)
def test_a_pattern_is_exact_or_ends_in_a_star(pattern, event_type, matches):
    assert pattern_matches(pattern, event_type) is matches


@pytest.mark.parametrize(
    "pattern", ["", "inv*", "*.paid", "invoice.*.failed", "Invoice.paid", "invoice", "invoice.", ".*"]
)
def test_other_patterns_are_refused(pattern):
    with pytest.raises(ValueError, match="patterns are"):
        subscribe("tests.copy", [pattern], nothing)


@pytest.mark.parametrize("name", ["", "Tests", "a b", "1st", "x" * 65])
def test_malformed_names_are_refused(name):
    with pytest.raises(ValueError, match="not a subscriber's name"):
        subscribe(name, ["*"], nothing)


def test_no_pattern_and_a_bare_text_are_refused():
    with pytest.raises(ValueError, match="patterns are"):
        subscribe("tests.copy", [], nothing)
    with pytest.raises(ValueError, match="patterns are"):
        subscribe("tests.copy", "*", nothing)


def test_a_name_belongs_to_one_handler(subscribed):
    subscribed(nothing)
    subscribe("tests.copy", ["invoice.*"], nothing)  # the same handler: an app loaded twice
    with pytest.raises(ValueError, match="registered twice"):
        subscribe("tests.copy", ["*"], print)


def test_an_event_wanted_by_two_patterns_comes_once(subscribed):
    subscribed(nothing, "*", "invoice.*", "invoice.paid")
    assert [subscriber.name for subscriber in subscribers_of("invoice.paid")] == ["tests.copy"]
    unsubscribe("tests.copy")
    assert subscribers_of("invoice.paid") == []


@pytest.mark.parametrize("event_type", ["invoice", "Invoice.paid", "invoice.", "a." + "b" * 63, "invoice paid.x", ""])
def test_malformed_event_types_are_refused(event_type):
    with pytest.raises(ValueError, match="not an event type"):
        an_event(event_type)


def test_an_event_needs_an_offset_and_an_object():
    event = an_event()
    with pytest.raises(ValueError, match="offset"):
        an_event(occurred_at=event.occurred_at.replace(tzinfo=None))
    with pytest.raises(ValueError, match="JSON object"):
        an_event(data="[1]")
    with pytest.raises(ValueError, match="1 to 32"):
        an_event(object_type="")
