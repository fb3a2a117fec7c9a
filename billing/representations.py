"""Billing's objects as the API and its events show them: one function per object, every documented field present."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from billing.enums import VatStatus
from billing.models import (
    Coupon,
    Customer,
    ExchangeRate,
    Feature,
    Payment,
    Plan,
    PlanFeature,
    PlanVersion,
    Price,
    Product,
    Redemption,
    TaxRate,
    VatCheck,
)
from billing.rating.coupons import CouponType
from billing.rating.decimals import scaled, scaled_text
from billing.selectors import standing_version
from billing.tax_ids import EU_VAT
from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import (
    APPLICATION,
    COUPON,
    CUSTOMER,
    EXCHANGE_RATE,
    FEATURE,
    INVOICE,
    PAYMENT,
    PLAN,
    PLAN_VERSION,
    PRICE,
    PRODUCT,
    REDEMPTION,
    SUBSCRIPTION,
    TAX_RATE,
)


def customer_body(customer: Customer, *, balance: int) -> dict[str, Any]:
    """The object `customer`; `balance` is what they owe, in minor units, and negative what they are owed."""
    return {
        "id": encode_id(CUSTOMER, customer.id),
        "object": "customer",
        "externalId": customer.external_id,
        "name": customer.name,
        "email": customer.email,
        "currency": customer.currency,
        "locale": customer.locale,
        "address": customer.address,
        "vatId": customer.vat_id,
        "vatStatus": customer.vat_status,
        "taxIds": _tax_ids(customer),
        "taxExempt": customer.tax_exempt,
        "taxExemption": customer.tax_exemption,
        "balance": balance,
        "testClockId": None,
        "erasedAt": format_instant(customer.erased_at) if customer.erased_at else None,
        "metadata": customer.metadata,
        "createdAt": format_instant(customer.created_at),
        "updatedAt": format_instant(customer.updated_at),
    }


def vat_body(customer: Customer, *, standing: VatCheck | None, newest: VatCheck | None) -> dict[str, Any]:
    """What is known of a VAT number: what that rests on, and what went wrong (`selectors.vat_evidence`)."""
    evidence = None
    if standing is not None and newest is not None:
        evidence = {
            "source": standing.source,
            "requestIdentifier": standing.request_identifier,
            "requestDate": format_instant(standing.answered_at) if standing.answered_at else None,
            "requester": standing.requester,
            "name": standing.name,
            "address": standing.address,
            "error": newest.error,
        }
    return {
        "vatId": customer.vat_id,
        "status": customer.vat_status or VatStatus.UNVERIFIED.value,
        "checkedAt": format_instant(standing.checked_at) if standing else None,
        "evidence": evidence,
    }


def _tax_ids(customer: Customer) -> list[dict[str, str]] | None:
    """All tax numbers; the European one is kept as `vat_id`."""
    european = [{"type": EU_VAT, "value": customer.vat_id}] if customer.vat_id else []
    return [*european, *(customer.tax_ids or [])] or None


def product_body(product: Product) -> dict[str, Any]:
    """The object `product`."""
    return {
        "id": encode_id(PRODUCT, product.id),
        "object": "product",
        "name": product.name,
        "description": product.description,
        "type": product.type,
        "price": product.price,
        "currency": product.currency,
        "interval": product.interval,
        "prorateOnChange": product.prorate_on_change,
        "active": product.active,
        "providerRefs": product.provider_refs,
        "metadata": product.metadata,
        "createdAt": format_instant(product.created_at),
        "updatedAt": format_instant(product.updated_at),
    }


def feature_body(feature: Feature) -> dict[str, Any]:
    """The object `feature`."""
    return {
        "id": encode_id(FEATURE, feature.id),
        "object": "feature",
        "key": feature.key,
        "name": feature.name,
        "type": feature.type,
        "status": feature.status,
        "applicationId": encode_id(APPLICATION, feature.application_id) if feature.application_id else None,
        "meterId": None,
        "defaultLimit": feature.default_limit,
        "unit": feature.unit,
        "metadata": feature.metadata,
        "createdAt": format_instant(feature.created_at),
        "updatedAt": format_instant(feature.updated_at),
    }


def price_body(price: Price) -> dict[str, Any]:
    """The object `price`: what its model does not know is null."""
    terms = price.definition
    return {
        "id": encode_id(PRICE, price.id),
        "object": "price",
        "productId": encode_id(PRODUCT, price.product_id),
        "featureId": encode_id(FEATURE, price.feature_id) if price.feature_id else None,
        "meterId": None,
        "currency": price.currency,
        "interval": terms.get("interval"),
        "intervalCount": terms.get("intervalCount"),
        "model": terms["model"],
        "unitAmount": _number(terms.get("unitAmount")),
        "tiers": [_tier_body(tier) for tier in terms["tiers"]] if "tiers" in terms else None,
        "packageSize": terms.get("packageSize"),
        "rate": terms.get("rate"),
        "fixedAmount": _number(terms.get("fixedAmount")),
        "freeUnits": terms.get("freeUnits"),
        "perTransactionMin": _number(terms.get("perTransactionMin")),
        "perTransactionMax": _number(terms.get("perTransactionMax")),
        "includedUnits": terms.get("includedUnits"),
        "minimumSpend": terms.get("minimumSpend"),
        "maximumSpend": terms.get("maximumSpend"),
        "billing": terms["billing"],
        "taxBehavior": terms["taxBehavior"],
        "taxCode": price.tax_code,
        "active": price.active,
        "usedAt": format_instant(price.used_at) if price.used_at else None,
        "metadata": price.metadata,
        "createdAt": format_instant(price.created_at),
        "updatedAt": format_instant(price.updated_at),
    }


def _tier_body(tier: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "upTo": tier["upTo"],
        "unitAmount": _number(tier.get("unitAmount")),
        "flatAmount": _number(tier["flatAmount"]),
        "rate": tier.get("rate"),
    }


def _number(text: str | None) -> int | str | None:
    """An amount that is whole as an integer, like all amounts; below a minor unit as the decimal string it is."""
    return int(text) if text is not None and "." not in text else text


def exchange_rate_body(rate: ExchangeRate) -> dict[str, Any]:
    """The object `exchangeRate`."""
    return {
        "id": encode_id(EXCHANGE_RATE, rate.id),
        "object": "exchangeRate",
        "from": rate.from_currency,
        "to": rate.to_currency,
        "rate": scaled_text(scaled(rate.rate)),
        "validFrom": format_instant(rate.valid_from),
        "source": rate.source,
        "createdAt": format_instant(rate.created_at),
    }


def plan_body(plan: Plan) -> dict[str, Any]:
    """The object `plan`, as `selectors.plans` has read it: with the terms of the version that stands for it."""
    version = standing_version(plan)
    return {
        "id": encode_id(PLAN, plan.id),
        "object": "plan",
        "name": plan.name,
        "slug": plan.slug,
        "description": plan.description,
        "applicationId": encode_id(APPLICATION, plan.application_id) if plan.application_id else None,
        "status": plan.status,
        "multiple": plan.multiple,
        "version": version.number,
        "versionId": encode_id(PLAN_VERSION, version.id),
        **_terms_body(version),
        "metadata": plan.metadata,
        "createdAt": format_instant(plan.created_at),
        "updatedAt": format_instant(plan.updated_at),
    }


def plan_version_body(version: PlanVersion) -> dict[str, Any]:
    """The object `planVersion`, as `selectors.plan_versions` has read it."""
    times = {
        "startsAt": version.starts_at, "endsAt": version.ends_at, "publishedAt": version.published_at,
        "deactivatedAt": version.deactivated_at,
    }  # fmt: skip
    return {
        "id": encode_id(PLAN_VERSION, version.id),
        "object": "planVersion",
        "planId": encode_id(PLAN, version.plan_id),
        "version": version.number,
        "status": version.status,
        "name": version.name,
        "description": version.description,
        **_terms_body(version),
        **{name: format_instant(at) if at else None for name, at in times.items()},
        "deactivationReason": version.deactivation_reason,
        "metadata": version.metadata,
        "createdAt": format_instant(version.created_at),
        "updatedAt": format_instant(version.updated_at),
    }


def _terms_body(version: PlanVersion) -> dict[str, Any]:
    return {
        "currency": version.currency,
        "trialDays": version.trial_days,
        "prices": [encode_id(PRICE, one.price_id) for one in version.prices.all()],
        "features": [_granted_body(one) for one in version.features.all()],
        "minimumCommitment": version.minimum_commitment,
    }


def _granted_body(granted: PlanFeature) -> dict[str, Any]:
    return {
        "featureId": encode_id(FEATURE, granted.feature_id),
        "featureKey": granted.feature.key,
        "limit": granted.limit,
        "softLimit": granted.soft_limit,
        "resetPeriod": granted.reset_period,
    }


def tax_rate_body(rate: TaxRate) -> dict[str, Any]:
    """The object `taxRate`; the rate in percent."""
    return {
        "id": encode_id(TAX_RATE, rate.id),
        "object": "taxRate",
        "country": rate.country,
        "region": rate.region,
        "category": rate.category,
        "rate": scaled_text(scaled(rate.rate)),
        "label": rate.label,
        "validFrom": format_instant(rate.valid_from),
        "validUntil": format_instant(rate.valid_until) if rate.valid_until else None,
        "createdAt": format_instant(rate.created_at),
        "updatedAt": format_instant(rate.updated_at),
    }


def payment_body(payment: Payment, *, invoice_id: UUID | None = None) -> dict[str, Any]:
    """The object `payment`. Only invoicing knows which invoice it pays, so the caller names it."""
    return {
        "id": encode_id(PAYMENT, payment.id),
        "object": "payment",
        "invoiceId": encode_id(INVOICE, invoice_id) if invoice_id else None,
        "customerId": encode_id(CUSTOMER, payment.customer_id),
        "amount": payment.amount,
        "currency": payment.currency,
        "status": payment.status,
        "outcomeUnknown": payment.outcome_unknown,
        "amountRefunded": payment.amount_refunded,
        "provider": payment.provider,
        "providerRef": payment.provider_ref,
        "method": payment.method,
        "failureCode": payment.failure_code,
        "failureMessage": payment.failure_message,
        "nextAction": None,
        "paidAt": format_instant(payment.paid_at) if payment.paid_at else None,
        "metadata": payment.metadata,
        "createdAt": format_instant(payment.created_at),
        "updatedAt": format_instant(payment.updated_at),
    }


def coupon_body(coupon: Coupon) -> dict[str, Any]:
    """The object `coupon`, as `selectors.coupons` has read it."""
    targets = coupon.targets.all()
    return {
        "id": encode_id(COUPON, coupon.id),
        "object": "coupon",
        "code": coupon.code,
        "name": coupon.name,
        "applicationId": encode_id(APPLICATION, coupon.application_id) if coupon.application_id else None,
        "type": coupon.type,
        "percentage": percentage_text(coupon),
        "amount": coupon.amount,
        "currency": coupon.currency,
        "duration": coupon.duration,
        "durationPeriods": coupon.duration_periods,
        "validFrom": format_instant(coupon.valid_from) if coupon.valid_from else None,
        "validUntil": format_instant(coupon.valid_until) if coupon.valid_until else None,
        "maxRedemptions": coupon.max_redemptions,
        "maxRedemptionsPerCustomer": coupon.max_redemptions_per_customer,
        "timesRedeemed": coupon.times_redeemed,
        "planIds": [encode_id(PLAN, one.plan_id) for one in targets if one.plan_id],
        "productIds": [encode_id(PRODUCT, one.product_id) for one in targets if one.product_id],
        "priceIds": [encode_id(PRICE, one.price_id) for one in targets if one.price_id],
        "stackingOrder": coupon.stacking_order,
        "keepRemainder": coupon.keep_remainder,
        "active": coupon.active,
        "metadata": coupon.metadata,
        "createdAt": format_instant(coupon.created_at),
        "updatedAt": format_instant(coupon.updated_at),
    }


def percentage_text(coupon: Coupon) -> str | None:
    """Without zeros at the end: `12.5`."""
    return None if coupon.percentage is None else format(coupon.percentage.normalize(), "f")


def redemption_body(redemption: Redemption) -> dict[str, Any]:
    """The object `redemption`: what a customer has been given, a share in percent or an amount in minor units."""
    coupon, subscription_id = redemption.coupon, redemption.subscription_id
    share = coupon.type == CouponType.PERCENTAGE
    return {
        "id": encode_id(REDEMPTION, redemption.id),
        "object": "redemption",
        "couponId": encode_id(COUPON, coupon.id),
        "code": coupon.code,
        "discountType": coupon.type,
        "discountValue": percentage_text(coupon) if share else coupon.amount,
        "customerId": encode_id(CUSTOMER, redemption.customer_id),
        "subscriptionId": encode_id(SUBSCRIPTION, subscription_id) if subscription_id else None,
        "appliedAt": format_instant(redemption.applied_at),
    }
