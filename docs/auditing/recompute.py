"""Compute the amounts of derivations again from their inputs, without Ledger.

    python recompute.py derivation.json …          # Python 3.10 or newer, nothing else

A derivation says how an amount came about: `inputs`, `steps`, `amounts`. This reads the inputs only, follows the rules
of docs/rating.md in plain fractions, and compares the amounts. Ends with status 1 and says where anything does not fit.
"""

# ruff: noqa: T201 - it prints what it finds
from __future__ import annotations

import argparse
import json
import math
import sys
from fractions import Fraction
from typing import Any

NOTHING = Fraction(0)


def half_away(value: Fraction) -> int:
    """The nearest integer, a half away from zero."""
    whole = math.floor(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def split(total: int, weights: list[Fraction]) -> list[int]:
    """By the largest remainder, the earlier of equal ones; weights below 0 are rounded together and split apart."""
    if any(weight < 0 for weight in weights) and any(weight > 0 for weight in weights):
        down = half_away(sum((weight for weight in weights if weight < 0), NOTHING))
        ups = split(total - down, [max(weight, NOTHING) for weight in weights])
        downs = split(down, [min(weight, NOTHING) for weight in weights])
        return [one + other for one, other in zip(ups, downs, strict=True)]
    whole = sum(weights, NOTHING)
    if whole == 0:
        return [0 for _ in weights]
    exact = [abs(total) * weight / whole for weight in weights]
    parts = [math.floor(one) for one in exact]
    order = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])
    for index in order[: abs(total) - sum(parts)]:
        parts[index] += 1
    return [part if total > 0 else -part for part in parts]


# --- one price ------------------------------------------------------------------------------------------------------


def amount_of(price: dict[str, Any], usage: list[Fraction], share: Fraction) -> tuple[int, int]:
    """Minor units for usage and a share of the period, and what of them only the minimum brings in."""
    exact = exact_of(price, usage)
    least, most = price.get("minimumSpend"), price.get("maximumSpend")
    if price["metered"]:
        used = half_away(exact) if most is None else min(half_away(exact), most)
        amount = used if least is None else max(used, half_away(least * share))
        return amount, amount - used
    capped = exact if most is None else min(exact, Fraction(most))
    raised = capped if least is None else max(capped, Fraction(least))
    return half_away(raised * share), half_away(raised * share) - half_away(capped * share)


def exact_of(price: dict[str, Any], usage: list[Fraction]) -> Fraction:
    """The amount before any rounding."""
    model = price["model"]
    units = max(NOTHING, sum(usage, NOTHING) - Fraction(price.get("includedUnits", 0)))
    unit_amount = Fraction(price.get("unitAmount", 0))
    if model == "flat":
        return unit_amount
    if model == "per_unit":
        return units * unit_amount
    if model == "package":
        return math.ceil(units / Fraction(price["packageSize"])) * unit_amount
    if model == "percentage":
        return of_transactions(price, usage)
    found, lower = NOTHING, NOTHING
    for tier in price["tiers"]:
        upper = units if tier["upTo"] is None else Fraction(tier["upTo"])
        each = Fraction(tier.get("unitAmount", 0)) + Fraction(tier.get("rate", 0)) / 100
        flat = Fraction(tier.get("flatAmount", 0))
        if units <= lower:
            break
        if model == "volume" and units <= upper:
            return units * each + flat
        if model != "volume":
            found += (min(units, upper) - lower) * each + flat
        lower = upper
    return found


def of_transactions(price: dict[str, Any], usage: list[Fraction]) -> Fraction:
    """The fees of all transactions, in their order."""
    found, included = NOTHING, Fraction(price.get("includedUnits", 0))
    for amount in usage[price.get("freeUnits", 0) :]:
        wholly, covered = 0 < included >= amount, min(amount, included)
        included -= covered
        if wholly:
            continue
        fee = (amount - covered) * Fraction(price["rate"]) / 100 + Fraction(price.get("fixedAmount", 0))
        if price.get("perTransactionMin") is not None:
            fee = max(fee, Fraction(price["perTransactionMin"]))
        if price.get("perTransactionMax") is not None:
            fee = min(fee, Fraction(price["perTransactionMax"]))
        found += fee
    return found


def rate(inputs: dict[str, Any]) -> dict[str, Any]:
    """A price for a slice: what is due up to its end less what was due up to its beginning."""
    price, before = inputs["price"], inputs["before"]
    usage, earlier = [Fraction(one) for one in inputs["usage"]], [Fraction(one) for one in before["usage"]]
    share, earlier_share = Fraction(inputs["share"]), Fraction(before["share"])
    if not price["metered"]:
        earlier = usage
    amount, added = amount_of(price, earlier + usage if price["metered"] else usage, earlier_share + share)
    if earlier_share or before["usage"]:
        amount_before, added_before = amount_of(price, earlier, earlier_share)
        amount, added = amount - amount_before, added - added_before
    return {"amount": amount, "topUp": added}


def commitment(inputs: dict[str, Any]) -> dict[str, Any]:
    """What is missing to a plan's minimum."""
    before, minimum, lines = inputs["before"], inputs["minimum"], sum(inputs["amounts"])
    since, share = Fraction(before["share"]), Fraction(inputs["share"])
    until = max(before["amount"] + lines, half_away(minimum * (since + share)))
    return {"amount": until - max(before["amount"], half_away(minimum * since)) - lines}


# --- another currency -----------------------------------------------------------------------------------------------

# Decimals of the currencies of ISO 4217 that do not have two.
DECIMALS = {
    code: places
    for places, codes in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    )
    for code in codes.split()
}


def conversion(inputs: dict[str, Any]) -> dict[str, Any]:
    """An amount in major units times the rate, in minor units of the other currency."""
    major = Fraction(inputs["amount"], 10 ** DECIMALS.get(inputs["from"], 2))
    return {"amount": half_away(major * Fraction(inputs["rate"]) * 10 ** DECIMALS.get(inputs["to"], 2))}


# --- an invoice -----------------------------------------------------------------------------------------------------


def take_coupons(inputs: dict[str, Any], version: int) -> tuple[list[int], list[dict[str, Any]]]:
    """What is left of each line, and what each coupon took, in the order in which they count."""
    lines = inputs["lines"]
    left = [line["amount"] for line in lines]
    taken = []
    names = (("planIds", "planId"), ("productIds", "productId"), ("priceIds", "priceId"))
    for coupon in sorted(
        inputs["coupons"], key=lambda one: (not any(one.get(n) for n, _ in names), one["stackingOrder"])
    ):
        restricted = any(coupon.get(name) for name, _ in names)
        chosen = [
            line["amount"] > 0 and (not restricted or any(line.get(own) in coupon.get(name, []) for name, own in names))
            for line in lines
        ]
        weights = [Fraction(rest) if counts else NOTHING for rest, counts in zip(left, chosen, strict=True)]
        base = sum(rest for rest, counts in zip(left, chosen, strict=True) if counts)
        parts = [0 for _ in lines]
        if not has_ended(coupon):
            available = coupon.get("amountLeft", coupon.get("amount"))
            wanted = available if available is not None else half_away(base * Fraction(coupon["percentage"]) / 100)
            if version > 1 and any(line["amount"] < 0 for line in lines):
                parts = beside_credits(lines, left, weights, wanted)
            else:
                parts = split(min(wanted, base, max(0, sum(left))), weights)
        left = [rest - part for rest, part in zip(left, parts, strict=True)]
        taken.append({"code": coupon["code"], "amount": sum(parts)})
    return left, taken


def beside_credits(lines: list[dict[str, Any]], left: list[int], weights: list[Fraction], wanted: int) -> list[int]:
    """What a coupon takes where there are credits: no kind of taxes, and not the invoice, falls below 0 by it."""
    everything = sum(left)
    if everything < 0 or not stands(lines, left):
        return [0 for _ in lines]
    kinds = [json.dumps([line["taxes"], line["taxBehavior"]], sort_keys=True) for line in lines]
    sums = {kind: sum(rest for rest, own in zip(left, kinds, strict=True) if own == kind) for kind in kinds}
    against = any(amount < 0 for amount in sums.values())
    if against and wanted >= everything and sum(weights, NOTHING) == sum(rest for rest in left if rest > 0):
        return left
    room = {
        kind: max(0, min(amount, int(sum(w for w, own in zip(weights, kinds, strict=True) if own == kind))))
        for kind, amount in sums.items()
    }
    amount = min(wanted, everything, sum(room.values()))

    def rest_after(amount: int) -> list[int]:
        return [rest - part for rest, part in zip(left, within(amount, weights, kinds, room), strict=True)]

    if against and not stands(lines, rest_after(amount)):
        low, high = 0, amount
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if stands(lines, rest_after(middle)) else (low, middle)
        amount = low
    return within(amount, weights, kinds, room)


def within(amount: int, weights: list[Fraction], kinds: list[str], room: dict[str, int]) -> list[int]:
    """By value; a kind without room for its share gets what it has room for, and the others the rest."""
    full: set[str] = set()
    while True:
        found = [0 for _ in weights]
        for kind in full:
            own = [weight if other == kind else NOTHING for weight, other in zip(weights, kinds, strict=True)]
            found = [one + part for one, part in zip(found, split(room[kind], own), strict=True)]
        others = [NOTHING if kind in full else weight for weight, kind in zip(weights, kinds, strict=True)]
        rest = split(amount - sum(room[kind] for kind in full), others)
        more = {
            kind
            for kind in set(kinds) - full
            if sum(part for part, own in zip(rest, kinds, strict=True) if own == kind) > room[kind]
        }
        if not more:
            return [one + part for one, part in zip(found, rest, strict=True)]
        full |= more


def stands(lines: list[dict[str, Any]], left: list[int]) -> bool:
    """Whether neither the net amount nor the total with its taxes is below 0."""
    rows, nets = taxes(lines, left)
    return sum(nets) >= 0 and sum(nets) + sum(row["tax"] for row in rows) >= 0


def has_ended(coupon: dict[str, Any]) -> bool:
    """Whether a coupon counts no more."""
    if coupon["duration"] == "once":
        return coupon["periodsUsed"] > 0 and not (coupon["keepRemainder"] and coupon.get("amountLeft"))
    return coupon["duration"] == "repeating" and coupon["periodsUsed"] >= coupon["durationPeriods"]


def taxes(lines: list[dict[str, Any]], left: list[int]) -> tuple[list[dict[str, Any]], list[int]]:
    """The rows of the breakdown, and the net amount of each line."""
    kinds: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        kinds.setdefault(json.dumps([line["taxes"], line["taxBehavior"]], sort_keys=True), []).append(index)
    nets = list(left)
    rows: dict[str, dict[str, Any]] = {}
    contained: dict[str, list[tuple[str, Fraction]]] = {}
    for kind, indexes in kinds.items():
        every = all_rates(lines[indexes[0]])
        for tax in lines[indexes[0]]["taxes"]:
            key = json.dumps(tax, sort_keys=True)
            row = rows.setdefault(key, {**tax, "taxable": 0, "tax": NOTHING})
            total = sum(left[index] for index in indexes)
            if lines[indexes[0]]["taxBehavior"] == "inclusive":
                contained.setdefault(key, []).append((kind, total * Fraction(tax["rate"]) / (100 + every)))
            else:
                row["tax"] += total * Fraction(tax["rate"]) / 100
    out_of_kind = dict.fromkeys(kinds, 0)
    for key, row in rows.items():
        inside = contained.get(key, [])
        amount = half_away(sum((exact for _, exact in inside), NOTHING))
        row["tax"] = half_away(row["tax"]) + amount
        for (kind, _), part in zip(inside, split(amount, [exact for _, exact in inside]), strict=True):
            out_of_kind[kind] += part
    for kind, indexes in kinds.items():
        net = sum(left[index] for index in indexes) - out_of_kind[kind]
        if lines[indexes[0]]["taxBehavior"] == "inclusive":
            weights = [left[index] * 100 / (100 + all_rates(lines[index])) for index in indexes]
            for index, part in zip(indexes, split(net, weights), strict=True):
                nets[index] = part
        for tax in lines[indexes[0]]["taxes"]:
            rows[json.dumps(tax, sort_keys=True)]["taxable"] += net
    return list(rows.values()), nets


def all_rates(line: dict[str, Any]) -> Fraction:
    """The sum of the rates of a line."""
    return sum((Fraction(tax["rate"]) for tax in line["taxes"]), NOTHING)


def net_discounts(lines: list[dict[str, Any]], shares: list[int]) -> list[int]:
    """The shares of the coupons without tax."""
    found = list(shares)
    kinds: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if line["taxBehavior"] == "inclusive":
            kinds.setdefault(json.dumps(line["taxes"], sort_keys=True), []).append(index)
    for indexes in kinds.values():
        gross = [Fraction(shares[index]) for index in indexes]
        ratio = 100 / (100 + all_rates(lines[indexes[0]]))
        net = half_away(sum(gross, NOTHING) * ratio)
        for index, part in zip(indexes, split(net, [one * ratio for one in gross]), strict=True):
            found[index] = part
    return found


def discount(inputs: dict[str, Any], version: int) -> dict[str, Any]:
    left, taken = take_coupons(inputs, version)
    shares = {line["key"]: line["amount"] - rest for line, rest in zip(inputs["lines"], left, strict=True)}
    named = {key: share for key, share in shares.items() if share}
    return {"discount": sum(shares.values()), "coupons": taken, "lines": named}


def tax(inputs: dict[str, Any]) -> dict[str, Any]:
    lines = inputs["lines"]
    rows, nets = taxes(lines, [line["amount"] - inputs["discounts"].get(line["key"], 0) for line in lines])
    named = {line["key"]: net for line, net in zip(lines, nets, strict=True)}
    return {"tax": sum(row["tax"] for row in rows), "rows": rows, "nets": named}


def total(inputs: dict[str, Any], version: int) -> dict[str, Any]:
    lines = inputs["lines"]
    left, taken = take_coupons(inputs, version)
    rows, nets = taxes(lines, left)
    discounts = net_discounts(lines, [line["amount"] - rest for line, rest in zip(lines, left, strict=True)])
    whole = sum(nets) + sum(row["tax"] for row in rows)
    used = min(inputs["credit"], max(0, whole))
    return {
        "subtotal": sum(nets) + sum(discounts),
        "discount": sum(discounts),
        "tax": sum(row["tax"] for row in rows),
        "total": whole,
        "creditUsed": used,
        "due": max(0, whole - used),
        "rows": rows,
        "coupons": taken,
        "lines": {line["key"]: [net + share, share] for line, net, share in zip(lines, nets, discounts, strict=True)},
    }


RULES = {"rate": rate, "commitment": commitment, "conversion": conversion, "tax": tax}
RULES_WITH_COUPONS = {"discount": discount, "total": total}
VERSIONS = (1, 2)


def of_minimum(rating: dict[str, Any]) -> int:
    """What a minimum adds, in the currency of the invoice."""
    added: int = rating["derivation"]["amounts"].get("topUp", 0)
    if "conversion" not in rating:
        return added
    inputs = {**rating["conversion"]["inputs"], "amount": added}
    return int(conversion(inputs)["amount"])


def check(derivation: dict[str, Any], name: str = "") -> list[str]:
    """What does not fit, each with its place; nothing when everything does."""
    version, kind = derivation["version"], derivation["kind"]
    if version not in VERSIONS:
        return [f"{name}version {version} is not known here"]
    if kind == "invoice":
        found = check(derivation["total"], f"{name}total: ")
        if derivation["total"]["version"] != version:
            found.append(f"{name}total: version {derivation['total']['version']} is another than the invoice's")
        lines = {line["key"]: line["amount"] for line in derivation["total"]["inputs"]["lines"]}
        for one in derivation["ratings"]:
            where = f"{name}{', '.join(one['lines'])}: "
            rated = final = one["derivation"]
            found += check(rated, where)
            if "conversion" in one:
                final = one["conversion"]
                found += check(final, f"{where}conversion: ")
                begins = final["inputs"]["amount"], final["inputs"]["from"]
                if begins != (rated["amounts"]["amount"], rated["currency"]):
                    found.append(f"{where}another amount was converted than was rated")
            if final["currency"] != derivation["currency"]:
                found.append(f"{where}this is not in the currency of the invoice")
            if sum(lines[key] for key in one["lines"]) != final["amounts"]["amount"]:
                found.append(f"{where}the invoice has another amount than was rated")
            elif len(one["lines"]) > 1 and lines[one["lines"][1]] != of_minimum(one):
                found.append(f"{where}the second line is not what the minimum adds")
        return found
    if kind == "conversion" and derivation["inputs"]["to"] != derivation["currency"]:
        return [f"{name}currency is another than that of the conversion"]
    inputs = derivation["inputs"]
    computed = RULES_WITH_COUPONS[kind](inputs, version) if kind in RULES_WITH_COUPONS else RULES[kind](inputs)
    stated = derivation["amounts"]
    return [
        f"{name}{key} is {stated.get(key)}, the inputs give {computed.get(key)}"
        for key in sorted({*stated, *computed})
        if stated.get(key) != computed.get(key)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="derivations as JSON")
    wrong = []
    for file in parser.parse_args().files:
        with open(file, encoding="utf-8") as text:
            wrong += [f"{file}: {one}" for one in check(json.load(text))]
    for one in wrong:
        print(f"WRONG: {one}")
    print("Something does not fit." if wrong else "Everything fits.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
