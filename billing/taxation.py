"""Who owes which tax: the decision for a line of a document. Pure: no database, no clock; `docs/tax.md` has the table.

The engine (`billing.rating.taxing`) computes amounts; here it is decided which rates it computes them with.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from billing import tax_notes
from billing.rating.decimals import SCALE
from billing.rating.lines import TaxCategory, TaxRate

STANDARD: Final = "standard"
"""The category of rates that counts where a country has none for that of the line."""
EU: Final = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
        "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip
"""The 27 members by ISO 3166-1. Northern Ireland (`XI`) is one for goods only, and so is none here."""
_VAT_PREFIXES: Final = {"EL": "GR"}
"""Where a VAT number begins otherwise than the code of its country."""


@dataclass(frozen=True, slots=True)
class DatedRate:
    """A rate of a place in `[valid_from, valid_until)`. `rate` is a scaled percentage; no region: the whole country."""

    country: str
    region: str | None
    category: str
    rate: int
    label: str
    valid_from: dt.datetime
    valid_until: dt.datetime | None

    def holds(self, at: dt.datetime) -> bool:
        """Whether it is in force at this instant."""
        return _within(self.valid_from, self.valid_until, at)

    @property
    def tax(self) -> TaxRate:
        """As the engine takes it."""
        return TaxRate(self.label, self.rate, TaxCategory.STANDARD if self.rate else TaxCategory.ZERO)


@dataclass(frozen=True, slots=True)
class Seller:
    """The tenant, as its settings say. Without a country only its own rates and its default are known to apply."""

    country: str | None
    region: str | None = None
    vat_id: str | None = None


@dataclass(frozen=True, slots=True)
class Exemption:
    """A certificate that frees its holder from tax: anywhere, in a country or in one region, within its window."""

    certificate: str
    reason: str | None = None
    country: str | None = None
    region: str | None = None
    valid_from: dt.datetime | None = None
    valid_until: dt.datetime | None = None

    def holds(self, *, country: str | None, region: str | None, at: dt.datetime) -> bool:
        """Whether it counts there and then. One that names a place does not count where the place is not known."""
        if self.country is not None and self.country != country:
            return False
        if self.region is not None and region_key(country, self.region) != region_key(country, region):
            return False
        return _within(self.valid_from, self.valid_until, at)


@dataclass(frozen=True, slots=True)
class TaxedBuyer:
    """The customer: where it is, its VAT number with what is known of it, and its certificate."""

    country: str | None
    region: str | None = None
    vat_id: str | None = None
    vat_status: str | None = None
    exemption: Exemption | None = None


@dataclass(frozen=True, slots=True)
class Taxation:
    """All that decides about the tax of a buyer, at any time: `rates` are those of both countries, of all times.

    `default_rate` is in basis points. `exempt` frees the buyer from everything, without a certificate.
    """

    seller: Seller
    buyer: TaxedBuyer
    rates: Sequence[DatedRate]
    default_rate: int
    default_label: str
    exempt: bool = False

    def taxes_for(self, tax_code: str | None, *, at: dt.datetime) -> tuple[TaxRate, ...]:
        """The taxes of a line with this tax code (None: the standard one) at an instant; never empty.

        One that is not charged has the rate 0, with a category and a note that say why.
        """
        if self.exempt:
            return self._untaxed(TaxCategory.EXEMPT, None)
        if self.certificate_at(at) is not None:
            return self._untaxed(TaxCategory.EXEMPT, tax_notes.CERTIFICATE)
        seller, buyer = self.seller.country, self.buyer.country
        if seller is None or buyer is None:
            return self._at_home(tax_code, at)
        here = self._rates(buyer, self.buyer.region, tax_code, at)
        if seller == buyer:
            return here or self._default()
        if buyer in EU and self._has_number_of_another_member():
            return self._untaxed(TaxCategory.REVERSE_CHARGE, tax_notes.REVERSE_CHARGE)
        if seller not in EU:
            return here or self._default()
        if buyer in EU:
            # Without rates of the destination the seller is below the threshold of Article 59c: taxed as at home.
            return here or self._at_home(tax_code, at)
        return self._untaxed(TaxCategory.OUTSIDE, tax_notes.OUTSIDE)

    def certificate_at(self, at: dt.datetime) -> str | None:
        """The certificate that frees the buyer at this instant. It is personal data: notes do not repeat it."""
        exemption, place = self.buyer.exemption, self._place()
        if exemption is None or not exemption.holds(country=place[0], region=place[1], at=at):
            return None
        return exemption.certificate

    def _place(self) -> tuple[str | None, str | None]:
        """Where the line is taxed: where the buyer is, else where the seller is."""
        if self.buyer.country is not None:
            return self.buyer.country, self.buyer.region
        return self.seller.country, self.seller.region

    def _at_home(self, tax_code: str | None, at: dt.datetime) -> tuple[TaxRate, ...]:
        found = self._rates(self.seller.country, self.seller.region, tax_code, at) if self.seller.country else ()
        return found or self._default()

    def _rates(self, country: str, region: str | None, tax_code: str | None, at: dt.datetime) -> tuple[TaxRate, ...]:
        """The tax of the country and that of the region, each where it has one in force."""
        held = [rate for rate in self.rates if rate.country == country and rate.holds(at)]
        category = category_key(tax_code)
        wanted = region_key(country, region)
        whole = _of_category([rate for rate in held if rate.region is None], category)
        part = _of_category([rate for rate in held if wanted is not None and rate.region == wanted], category)
        found = tuple(rate.tax for rate in (whole, part) if rate is not None)
        if len(found) == 2 and found[0] == found[1]:
            # A document could not tell them apart, and the engine takes equal taxes for one.
            return found[0], found[1]._replace(label=f"{found[1].label} {wanted}")
        return found

    def _has_number_of_another_member(self) -> bool:
        """Whether the buyer is in business in another member than the seller, by a number that checked out."""
        member = vat_member(self.buyer.vat_id)
        return self.buyer.vat_status == "valid" and member is not None and member != self.seller.country

    def _default(self) -> tuple[TaxRate, ...]:
        category = TaxCategory.STANDARD if self.default_rate else TaxCategory.ZERO
        return (TaxRate(self.default_label, self.default_rate * SCALE // 100, category),)

    def _untaxed(self, category: TaxCategory, note: str | None) -> tuple[TaxRate, ...]:
        return (TaxRate(self.default_label, 0, category, note),)


def category_key(tax_code: str | None) -> str:
    """The category of rates that a tax code names: itself, in lower case."""
    return (tax_code or "").strip().lower() or STANDARD


def region_key(country: str | None, region: str | None) -> str | None:
    """A region as rates name it: upper case, without the country before it (`ca-qc` and `QC` are the same)."""
    name = (region or "").strip().upper()
    return name.removeprefix(f"{country}-") or None


def vat_member(vat_id: str | None) -> str | None:
    """The member of the EU that gave a VAT number, by ISO 3166-1: Greece is `GR`, though its numbers begin with `EL`.

    None for numbers of others, `XI` among them, and for those that do not say whose they are.
    """
    prefix = (vat_id or "").strip()[:2].upper()
    member = _VAT_PREFIXES.get(prefix, prefix)
    return member if member in EU else None


def _of_category(rates: Iterable[DatedRate], category: str) -> DatedRate | None:
    found = {rate.category: rate for rate in rates}
    return found.get(category) or found.get(STANDARD)


def _within(start: dt.datetime | None, end: dt.datetime | None, at: dt.datetime) -> bool:
    return (start is None or start <= at) and (end is None or at < end)
