"""The page of coupons: their terms, who has redeemed them, and what invoices took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseRedirect

from billing.admin.coupon_forms import CouponForm, NewCouponForm, coupon_arguments, coupon_changes, coupon_values
from billing.admin.customers import pairs_of
from billing.models import Coupon, CouponTarget, CouponUse, Redemption
from billing.rating.coupons import CouponType, Duration
from billing.representations import percentage_text
from billing.selectors import customer_names
from billing.services.coupons import create_coupon, delete_coupon, update_coupon
from common.ids import encode_id
from common.prefixes import COUPON
from tenants.backoffice import display
from tenants.backoffice.access import Access
from tenants.backoffice.api import BackofficeAdmin, Panel, Press, Table, action_button, backoffice_page, column
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.references import link_to, subject_named
from tenants.backoffice.subjects import Subject

SHOWN = 50
_FACTS = ("Redeemed", "By", "State", "Used", "Left")


@backoffice_page(Coupon)
class CouponPage(BackofficeAdmin):
    """What customers may be given."""

    area = "catalogue"
    nav_group = "Billing"
    nav_icon = "confirmation_number"
    nav_order = 34
    sortable_by = ()
    optional = ("of", "each", "pairs")
    list_display = ("known_as", "name", "takes", "since", "until", "redeemed", "of", "state")
    list_select_related = ("application",)
    search_fields = ("id",)
    search_help_text = "Id or code"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "known_as", "name", "own_id", "takes", "left_over", "order", "since", "until", "redeemed", "each",
                    "of", "state", "pairs",
                )
            },
        ),
    )  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By id, or by the code."""
        term = search_term.strip()
        subject = subject_named(term)
        if subject is not None:
            return queryset.filter(id=subject.id), False
        return (queryset.filter(code=term.upper()) if term else queryset), False

    def panels(self, request: HttpRequest, row: Coupon) -> Sequence[Panel]:
        """From what it takes, the newest redemptions, and the newest uses."""
        return [*_targets(row), _redemptions(row), _uses(row)]

    @action_button("New coupon", "catalogue:write", on="list", fields=NewCouponForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`create_coupon`."""
        made = create_coupon(tenant_id=press.tenant_id, at=press.at, **coupon_arguments(press.data))
        return f"{made} has been created."

    def values(self, request: HttpRequest, row: Coupon) -> Mapping[str, Any]:
        """What the form of changes begins with."""
        return coupon_values(row)

    @action_button(
        "Edit", "catalogue:write", fields=CouponForm, initial=values, icon="edit", versioned=True,
        help="What it takes off never changes. Whoever has redeemed it keeps it.",
    )  # fmt: skip
    def edit(self, press: Press) -> Outcome:
        """`update_coupon`."""
        self._change(press, coupon_changes(press.object, press.data))
        return "The coupon has been changed."

    @action_button(
        "Stop offering", "catalogue:write", icon="toggle_off", shown=lambda row: row.active,
        confirm="It is not redeemed any more. Whoever has redeemed it keeps it.",
    )  # fmt: skip
    def stop(self, press: Press) -> Outcome:
        """`update_coupon`."""
        self._change(press, {"active": False})
        return "The coupon is not offered any more."

    @action_button(
        "Offer again", "catalogue:write", icon="toggle_on", shown=lambda row: not row.active,
        confirm="It may be redeemed again.",
    )  # fmt: skip
    def resume(self, press: Press) -> Outcome:
        """`update_coupon`."""
        self._change(press, {"active": True})
        return "The coupon is offered again."

    @action_button(
        "Delete", "catalogue:write", tone="danger", icon="delete", reason="required",
        shown=lambda row: row.redeemed_at is None, confirm="The coupon is removed. It was never redeemed.",
    )  # fmt: skip
    def remove(self, press: Press) -> Outcome:
        """`delete_coupon`."""
        delete_coupon(tenant_id=press.tenant_id, reference=encode_id(COUPON, press.object.id))
        return HttpResponseRedirect(self.list_path())

    def _change(self, press: Press, changes: Mapping[str, Any]) -> None:
        reference = encode_id(COUPON, press.object.id)
        update_coupon(tenant_id=press.tenant_id, reference=reference, at=press.at, changes=changes)

    @column("Code")
    def known_as(self, row: Coupon) -> Any:
        """What customers enter."""
        return display.code(row.code)

    @column("Id")
    def own_id(self, row: Coupon) -> Any:
        """As the API shows it."""
        return display.type_id(COUPON, row.id)

    @column("Takes off")
    def takes(self, row: Coupon) -> Any:
        """How much, and how often."""
        often = {
            Duration.ONCE: "once",
            Duration.FOREVER: "for ever",
            Duration.REPEATING: f"{row.duration_periods} times",
        }
        return f"{value_text(row)}, {often[Duration(row.duration)]}"

    @column("What is left")
    def left_over(self, row: Coupon) -> Any:
        """Of an amount that counts once."""
        if row.type != CouponType.AMOUNT or row.duration != Duration.ONCE:
            return display.EMPTY
        return "Kept for the next invoice" if row.keep_remainder else "Lost"

    @column("Order")
    def order(self, row: Coupon) -> Any:
        """Lower first."""
        return row.stacking_order

    @column("From")
    def since(self, row: Coupon) -> Any:
        """When it may be redeemed."""
        return display.instant(row.valid_from)

    @column("Until")
    def until(self, row: Coupon) -> Any:
        """Exclusive."""
        return display.instant(row.valid_until)

    @column("Redeemed")
    def redeemed(self, row: Coupon) -> Any:
        """How often, and how often it may be."""
        return f"{row.times_redeemed:,}" + (f" of {row.max_redemptions:,}" if row.max_redemptions is not None else "")

    @column("Each customer")
    def each(self, row: Coupon) -> Any:
        """How often at most."""
        return f"At most {row.times_for_each:,}"

    @column("Application")
    def of(self, row: Coupon) -> Any:
        """None: of every one."""
        return row.application.name if row.application else display.EMPTY

    @column("State")
    def state(self, row: Coupon) -> Any:
        """Whether it is offered."""
        return display.badge("active", "Offered") if row.active else display.badge("inactive", "Not offered")

    @column("Metadata")
    def pairs(self, row: Coupon) -> Any:
        """What programs wrote down."""
        return pairs_of(row.metadata)


def value_text(coupon: Coupon) -> str:
    """`12.5%` or `€5.00`."""
    if coupon.amount is None:
        return f"{percentage_text(coupon)}%"
    return display.money_text(coupon.amount, coupon.currency or "")


def coupons_of(access: Access, subject: Subject) -> list[Panel]:
    """What a customer has redeemed, as a table on their page; nothing where there is nothing."""
    if not access.may("catalogue:read"):
        return []
    rows = Redemption.objects.filter(tenant_id=access.tenant_id, customer_id=subject.id).select_related("coupon")
    lines = [
        [link_to(Subject("coupon", one.coupon_id), one.coupon.code), value_text(one.coupon), *_facts(one.coupon, one)]
        for one in rows.order_by("-id")[:SHOWN]
    ]
    return [Table("Coupons", ["Code", "Takes off", *_FACTS], lines, numeric=(5, 6))] if lines else []


def _targets(row: Coupon) -> list[Panel]:
    targets = CouponTarget.objects.filter(tenant_id=row.tenant_id, coupon_id=row.id).order_by("position")
    lines = [
        ["Plan", link_to(Subject("plan", one.plan.id), one.plan.name)] if one.plan
        else ["Product", link_to(Subject("product", one.product.id), one.product.name)] if one.product
        else ["Price", link_to(Subject("price", one.price_id))]  # type: ignore[arg-type]
        for one in targets.select_related("plan", "product")
    ]  # fmt: skip
    return [Table("Only from lines of", ["", ""], lines)] if lines else []


def _redemptions(row: Coupon) -> Panel:
    found = list(Redemption.objects.filter(tenant_id=row.tenant_id, coupon_id=row.id).order_by("-id")[:SHOWN])
    names = customer_names(tenant_id=row.tenant_id, customer_ids=[one.customer_id for one in found])
    lines = [
        [
            link_to(Subject("customer", one.customer_id), names.get(one.customer_id)),
            *_facts(row, one),
        ]
        for one in found
    ]
    return Table("Redemptions", ["Customer", *_FACTS], lines, numeric=(4, 5), note=f"The newest {SHOWN}")


def _uses(row: Coupon) -> Panel:
    uses = CouponUse.objects.filter(tenant_id=row.tenant_id, redemption__coupon_id=row.id).order_by("-id")[:SHOWN]
    lines = [
        [display.instant(one.applied_at), link_to(Subject("invoice", one.invoice_id)),
         display.money(one.amount, one.currency), display.instant(one.returned_at)]
        for one in uses
    ]  # fmt: skip
    return Table("Uses", ["Used", "Invoice", "Taken", "Given back"], lines, numeric=(2,), note=f"The newest {SHOWN}")


def _facts(coupon: Coupon, one: Redemption) -> list[object]:
    """The columns `_FACTS` of a redemption: it was reserved, or made by an invoice."""
    by = link_to(Subject("invoice", one.invoice_id)) if one.invoice_id else "Reserved"
    return [display.instant(one.applied_at), by, _standing(one), one.periods_used, _left(coupon, one)]


def _standing(redemption: Redemption) -> object:
    if redemption.returned_at is not None:
        return display.badge("returned")
    return display.badge("active", "Open") if redemption.ended_at is None else display.badge("inactive", "Used up")


def _left(coupon: Coupon, redemption: Redemption) -> object:
    """What of a kept amount, or how many periods."""
    if coupon.keep_remainder and coupon.amount is not None:
        left = coupon.amount if redemption.amount_left is None else redemption.amount_left
        return display.money(left, coupon.currency or "")
    return display.EMPTY if coupon.duration_periods is None else coupon.duration_periods - redemption.periods_used
