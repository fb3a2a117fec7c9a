"""Fields of the back office's forms that the API has too: money, currencies, countries, metadata, checked texts."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from babel import Locale
from django import forms
from django.utils import timezone
from rest_framework import serializers

from common.countries import COUNTRIES
from common.currencies import EXPONENTS
from common.metadata import MAX_PAIRS
from common.money import MAX_AMOUNT

_AMOUNT: Final = re.compile(r"(?:[0-9]{1,16}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(?:\.([0-9]{1,12}))?")
# A key in quotation marks may hold equals signs; any other ends at the first.
_PAIR: Final = re.compile(r'("(?:[^"\\]|\\.)*"|[^=]*?)\s*=\s*(.*)')
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_ENGLISH: Final = Locale("en", "GB")
_FIRST: Final = ("EUR", "USD", "GBP", "CHF", "JPY")


def currency_choices() -> list[tuple[str, str]]:
    """Every currency, the usual ones first."""
    codes = [*_FIRST, *sorted(set(EXPONENTS) - set(_FIRST))]
    return [(code, f"{code} – {_ENGLISH.currencies.get(code, code)}") for code in codes]


def country_choices() -> list[tuple[str, str]]:
    """Every country, by its English name."""
    named = [(code, str(_ENGLISH.territories.get(code, code))) for code in COUNTRIES]
    return sorted(named, key=lambda one: one[1])


def amount_in(text: str, currency: str, *, digits: int | None = None) -> int:
    """`1,234.50` in EUR is 123450 minor units. `digits` is the exponent of a unit that is no ISO currency.

    Raises `forms.ValidationError`.
    """
    digits = EXPONENTS[currency] if digits is None else digits
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        example = f"{Decimal('1234.5'):.{digits}f}" if digits else "1234"
        raise forms.ValidationError(f"Expected an amount such as {example}.", code="invalid")
    if len(found[1] or "") > digits:
        places = f"{digits} decimal places" if digits else "no decimal places"
        raise forms.ValidationError(f"{currency} has {places}.", code="invalid")
    amount = int(Decimal(text.strip().replace(",", "")).scaleb(digits))
    if amount > MAX_AMOUNT:
        raise forms.ValidationError("This amount is too large.", code="too_large")
    return amount


def amount_out(amount: int | None, currency: str, *, digits: int | None = None) -> str:
    """What a field shows: `1234.50`. `digits` as for `amount_in`."""
    if amount is None:
        return ""
    digits = EXPONENTS.get(currency, 0) if digits is None else digits
    return f"{Decimal(amount).scaleb(-digits):.{digits}f}"


class AmountField(forms.CharField):
    """An amount as people write it. The form turns it into minor units with `amount_in` once it knows the currency."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(max_length=24, widget=forms.TextInput(attrs=attrs), **kwargs)


class CheckedField(forms.CharField):
    """A text that the API's field of the same kind accepts; None where it is empty."""

    def __init__(self, check: serializers.Field[Any, Any, Any, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    def clean(self, value: Any) -> Any:
        """The checked text. Raises `forms.ValidationError` with the sentences of the API."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return self.check.to_internal_value(text)
        except serializers.ValidationError as wrong:
            found = wrong.detail if isinstance(wrong.detail, list) else [wrong.detail]
            raise forms.ValidationError([str(one) for one in found]) from wrong


class DayTimeField(forms.DateTimeField):
    """A time to the minute, entered and shown in the tenant's zone. Of an hour that comes twice the first is meant."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], **kwargs)

    def to_python(self, value: Any) -> Any:
        """The local time. One that a clock put forward never shows is refused."""
        try:
            return super().to_python(value)
        except forms.ValidationError as refused:
            if refused.code != "ambiguous_timezone":
                raise
            shown = dt.datetime.fromisoformat(value.strip())
            meant = shown.replace(tzinfo=timezone.get_current_timezone())
            if timezone.localtime(meant.astimezone(dt.UTC)).replace(tzinfo=None) != shown:
                raise
            return meant

    def clean(self, value: Any) -> Any:
        """The instant in UTC, or None."""
        found = super().clean(value)
        return None if found is None else found.astimezone(dt.UTC)


class DayField(forms.DateField):
    """A day of the tenant's calendar."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs)


class BookDayField(DayField):
    """A day that books can be about: not so far away that no zone has it."""

    default_error_messages = {"too_far": "Expected a day between 1900 and 2999."}

    def clean(self, value: Any) -> Any:
        """The day, or None."""
        day = super().clean(value)
        if day is not None and not 1900 <= day.year <= 2999:
            raise forms.ValidationError(self.error_messages["too_far"], code="too_far")
        return day


def local(value: dt.datetime | None) -> dt.datetime | None:
    """A stored time as a form shows it: in the tenant's zone."""
    return None if value is None else timezone.localtime(value)


class MetadataField(forms.CharField):
    """Pairs, one to a line: `key = value`. The value of the form is a dict of strings.

    What a line cannot carry as it is (line breaks, outer spaces, an equals sign in a key) stands in quotation marks,
    as a JSON string: whoever saves a form must not change the pairs they did not touch.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault(
            "help_text", 'One pair to a line: key = value. Quotation marks keep spaces and "line\\nbreaks".'
        )
        super().__init__(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """A stored dict as lines."""
        if isinstance(value, Mapping):
            return "\n".join(f"{_key_out(key)} = {_text_out(text)}" for key, text in sorted(value.items()))
        return value

    def clean(self, value: Any) -> Any:
        """The pairs. Raises `forms.ValidationError` naming the line."""
        pairs: dict[str, str] = {}
        for number, line in enumerate((super().clean(value) or "").splitlines(), start=1):
            if not line.strip():
                continue
            found = _PAIR.fullmatch(line.strip())
            key, text = (_text_in(found[1]).strip(), _text_in(found[2])) if found else ("", "")
            if not key:
                raise forms.ValidationError(f"Line {number}: expected key = value.")
            if key in pairs:
                raise forms.ValidationError(f"Line {number}: {key} is given twice.")
            if len(key) > 40 or len(text) > 500:
                raise forms.ValidationError(f"Line {number}: a key has at most 40 characters, a value 500.")
            if _UNSTORABLE.search(key + text):
                raise forms.ValidationError(f"Line {number}: a character that cannot be stored.")
            pairs[key] = text
        if len(pairs) > MAX_PAIRS:
            raise forms.ValidationError(f"At most {MAX_PAIRS} pairs.")
        return pairs


def _text_out(text: str) -> str:
    plain = text == text.strip() and len(text.splitlines()) <= 1 and not text.startswith('"')
    return text if plain else json.dumps(text)


def _key_out(key: str) -> str:
    return json.dumps(key) if "=" in key else _text_out(key)


def _text_in(text: str) -> str:
    """What stands in quotation marks, or the text as it is."""
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text


def metadata_change(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    """What to merge into `before` so that it is `after`."""
    return {**dict.fromkeys(set(before) - set(after)), **after}
