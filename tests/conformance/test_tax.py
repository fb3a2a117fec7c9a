"""Who owes which tax, against cases that name where they come from. `tax/README.md` says how to add one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from billing import tax_notes
from billing.rating.decimals import scaled, scaled_text
from billing.rating.lines import Line, TaxCategory, check_lines, tax_rate_data, tax_rate_from
from billing.taxation import EU, DatedRate, Exemption, Seller, Taxation, TaxedBuyer

FOLDER = Path(__file__).parent / "tax"
FILES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}") for name, file in FILES.items() for case in file["cases"]
]
NOTES = {
    "certificate": tax_notes.CERTIFICATE, "reverse_charge": tax_notes.REVERSE_CHARGE, "outside": tax_notes.OUTSIDE,
}  # fmt: skip
KNOWN = {"name", "source", "seller", "buyer", "rates", "default", "taxCode", "at", "expect"}


def instant(text: str | None) -> Any:
    """To the microsecond."""
    return dt.datetime.fromisoformat(text) if text else None


def rate(given: dict[str, Any]) -> DatedRate:
    return DatedRate(
        country=given["country"], region=given.get("region"), category=given.get("category", "standard"),
        rate=scaled(given["rate"]), label=given["label"], valid_from=instant(given["from"]),
        valid_until=instant(given.get("until")),
    )  # fmt: skip


def taxation(file: dict[str, Any], case: dict[str, Any]) -> Taxation:
    seller, buyer, default = case["seller"], case["buyer"], case.get("default", file["default"])
    held = buyer.get("exemption")
    exemption = held and Exemption(
        certificate=held["certificate"], country=held.get("country"), region=held.get("region"),
        valid_from=instant(held.get("validFrom")), valid_until=instant(held.get("validUntil")),
    )  # fmt: skip
    return Taxation(
        seller=Seller(seller.get("country"), seller.get("region"), seller.get("vatId")),
        buyer=TaxedBuyer(
            buyer.get("country"), buyer.get("region"), buyer.get("vatId"), buyer.get("vatStatus"), exemption
        ),
        rates=[rate(one) for name in case.get("rates", ()) for one in file["rates"][name]],
        default_rate=default["rate"], default_label=default["label"], exempt=buyer.get("exempt", False),
    )  # fmt: skip


def decided(file: str, case: dict[str, Any]) -> Any:
    at = instant(case.get("at", FILES[file]["at"]))
    return taxation(FILES[file], case).taxes_for(case.get("taxCode"), at=at)


@pytest.mark.parametrize(("file", "case"), CASES)
def test_the_decision_is_the_expected_one(file: str, case: dict[str, Any]) -> None:
    expected = [
        (one["label"], one["rate"], one.get("category", "standard"), NOTES.get(one.get("note", "")))
        for one in case["expect"]
    ]
    found = [(one.label, scaled_text(one.rate), str(one.category), one.reason) for one in decided(file, case)]
    assert found == expected


@pytest.mark.parametrize(("file", "case"), CASES)
def test_the_engine_takes_what_was_decided(file: str, case: dict[str, Any]) -> None:
    """EN 16931, BR-S-05, BR-AE-05, BR-E-05, BR-O-05, BR-Z-05: only the standard category has a rate above 0."""
    taxes = decided(file, case)
    check_lines([Line("1", 100, taxes)])
    assert tuple(tax_rate_from(tax_rate_data(one)) for one in taxes) == taxes


def test_there_are_enough_cases_and_each_says_where_it_comes_from() -> None:
    names = [(file, case["name"]) for file in FILES for case in FILES[file]["cases"]]
    assert len(names) >= 40
    assert len(set(names)) == len(names)
    for file, content in FILES.items():
        assert content["about"]
        for case in content["cases"]:
            assert case["source"], (file, case["name"])
            assert set(case) <= KNOWN, (file, case["name"])


def test_every_category_and_every_note_is_among_them() -> None:
    expected = [one for content in FILES.values() for case in content["cases"] for one in case["expect"]]
    assert {one.get("category", "standard") for one in expected} == {str(one) for one in TaxCategory}
    assert {one["note"] for one in expected if "note" in one} == set(NOTES)


def test_every_member_is_in_the_union_and_nobody_else() -> None:
    """The members of the Treaty on European Union, Article 52, less the United Kingdom."""
    assert len(EU) == 27
    assert {"GR", "HR", "BG", "RO", "MT", "CY"} <= EU
    assert {"EL", "GB", "XI", "NO", "IS", "LI", "CH", "MC", "AX", "SM", "TR"} & EU == set()
