"""A catalogue from a file: what is missing is made, what differs is changed, what is there already stays."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q

from billing.catalogue_file import KEY, CatalogueFile, name_of
from billing.enums import FeatureStatus, PlanStatus
from billing.models import Feature, Plan, PlanFeature, Price, Product
from billing.price_terms import TERMS
from billing.selectors import get_plan, plan_versions, standing_version
from billing.services.features import archive_feature, create_feature, update_feature
from billing.services.importing_coupons import (
    bring_coupon,
)
from billing.services.importing_taxes import (
    import_tax_rates,
)
from billing.services.plan_content import granted_of
from billing.services.plan_versions import create_plan_version
from billing.services.plans import archive_plan, create_plan, update_plan
from billing.services.prices import create_price, update_price
from billing.services.products import create_product, update_product
from common.api.serializers import validate
from common.errors import DomainError, InvalidRequest, NotFound, Problem
from common.ids import InvalidId, decode_id
from common.prefixes import PRICE, PRODUCT
from tenants.selectors import applications


@dataclass
class Imported:
    """What has come of each kind: how many were created, changed, unchanged."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def note(self, kind: str, what: str) -> None:
        """One more."""
        self.counts.setdefault(kind, Counter())[what] += 1


def import_catalogue(*, tenant_id: UUID, at: dt.datetime, document: Any) -> Imported:
    """Bring the catalogue in line with a file of `export_catalogue`. Nothing is deleted, and nothing is published.

    A plan that is published gets a new draft version where its terms differ. Importing twice changes nothing the second
    time. Raises `InvalidRequest` with the place in the file of what is wrong; the caller's transaction must then
    be rolled back.
    """
    return _Import(tenant_id, at).run(validate(CatalogueFile, document))


class _Import:
    def __init__(self, tenant_id: UUID, at: dt.datetime) -> None:
        self.tenant_id, self.at, self.done = tenant_id, at, Imported()
        self.applications = {one.slug: one.id for one in applications(tenant_id=tenant_id)}
        self.features: dict[str, UUID] = {}
        self.products: dict[str, UUID] = {}
        self.prices: dict[str, UUID] = {}
        self.plans: dict[str, UUID] = {}
        # What is archived or not offered any more may still stand in plans and coupons of the file, so it becomes so in
        # the end.
        self.last: list[Callable[[], object]] = []

    def run(self, file: Mapping[str, Any]) -> Imported:
        for index, entry in enumerate(file["features"]):
            with _at(f"features[{index}]"):
                self.features[name_of(entry.get("application"), entry["key"])] = self._feature(entry)
        for index, entry in enumerate(file["products"]):
            with _at(f"products[{index}]"):
                product = self._product(entry)
                self.products[entry["key"]] = product.id
            for number, price in enumerate(entry["prices"]):
                with _at(f"products[{index}].prices[{number}]"):
                    self.prices[price["key"]] = self._price(product, price)
        for index, entry in enumerate(file["plans"]):
            with _at(f"plans[{index}]"):
                self.plans[name_of(entry.get("application"), entry["slug"])] = self._plan(entry)
        for index, entry in enumerate(file["coupons"]):
            with _at(f"coupons[{index}]"):
                self._coupon(entry)
        import_tax_rates(
            file["tax_rates"], tenant_id=self.tenant_id, at=self.at, place=_at,
            note=lambda what: self.done.note("taxRates", what),
        )  # fmt: skip
        for retire in self.last:
            retire()
        return self.done

    def _feature(self, entry: Mapping[str, Any]) -> UUID:
        application_id = self._application(entry)
        mine = Feature.objects.filter(Q(application_id=application_id), tenant_id=self.tenant_id, key=entry["key"])
        row = mine.first()
        texts: dict[str, Any] = {name: entry.get(name) for name in ("name", "default_limit", "unit")}
        if row is None:
            row = create_feature(
                tenant_id=self.tenant_id, at=self.at, key=entry["key"], type=entry["type"], metadata=entry["metadata"],
                application_id=application_id, **texts,
            )  # fmt: skip
            self.done.note("features", "created")
        elif row.type != entry["type"]:
            raise InvalidRequest([Problem("type", "invalid", f"The feature exists, and its type is {row.type}.")])
        else:
            changes = {**texts, "metadata": _replacing(row.metadata, entry["metadata"])}
            row = update_feature(tenant_id=self.tenant_id, feature_id=row.id, at=self.at, changes=changes)
            retiring = entry["archived"] and row.status == FeatureStatus.ACTIVE
            self._note("features", row, retiring=retiring)
        if entry["archived"]:
            feature_id = row.id
            self.last.append(lambda: archive_feature(tenant_id=self.tenant_id, feature_id=feature_id, at=self.at))
        return row.id

    def _product(self, entry: Mapping[str, Any]) -> Product:
        row: Product | None = self._known(Product, PRODUCT, entry["key"])
        names = ("name", "description", "price", "currency", "interval", "prorate_on_change", "active")
        given: dict[str, Any] = {name: entry.get(name) for name in names}
        if row is None:
            pairs = {**entry["metadata"], KEY: entry["key"]}
            row = create_product(
                tenant_id=self.tenant_id, at=self.at, type=entry["type"], metadata=pairs, **given
            )  # fmt: skip
            self.done.note("products", "created")
            return row
        if row.type != entry["type"]:
            raise InvalidRequest([Problem("type", "invalid", f"The product exists, and its type is {row.type}.")])
        changes = {**given, "metadata": _replacing(row.metadata, entry["metadata"])}
        row = update_product(tenant_id=self.tenant_id, product_id=row.id, at=self.at, changes=changes)
        self._note("products", row)
        return row

    def _price(self, product: Product, entry: Mapping[str, Any]) -> UUID:
        row: Price | None = self._known(Price, PRICE, entry["key"])
        feature_id = self._named(self.features, entry.get("feature"), "feature")
        terms = entry["terms"]
        if unknown := [name for name in terms if name not in TERMS]:
            raise InvalidRequest([Problem(f"terms.{name}", "unknown_field", "This is not known.") for name in unknown])
        own: dict[str, Any] = {"feature_id": feature_id, "tax_code": entry.get("tax_code")}
        if row is None:
            pairs = {**entry["metadata"], KEY: entry["key"]}
            row = create_price(
                tenant_id=self.tenant_id, at=self.at, product_id=product.id, terms=terms, metadata=pairs, **own
            )  # fmt: skip
            self.done.note("prices", "created")
            self._retire(row, entry)
            return row.id
        changes = {**own, "product_id": product.id, "metadata": _replacing(row.metadata, entry["metadata"])}
        if entry["active"]:
            changes["active"] = True
        whole = {name: terms.get(name) for name in TERMS}
        row = update_price(tenant_id=self.tenant_id, price_id=row.id, at=self.at, changes=changes, terms=whole)
        self._note("prices", row, retiring=self._retire(row, entry))
        return row.id

    def _retire(self, row: Price, entry: Mapping[str, Any]) -> bool:
        """Whether the price is still offered and will not be in the end."""
        if entry["active"] or not row.active:
            return False
        off = {"active": False}
        self.last.append(
            lambda: update_price(tenant_id=self.tenant_id, price_id=row.id, at=self.at, changes=off, terms={})
        )
        return True

    def _plan(self, entry: Mapping[str, Any]) -> UUID:
        application_id = self._application(entry)
        terms = self._terms(entry)
        texts: dict[str, Any] = {name: entry.get(name) for name in ("name", "description")}
        fixed: dict[str, Any] = {"currency": entry["currency"], "multiple": entry["multiple"]}
        mine = Plan.objects.filter(Q(application_id=application_id), tenant_id=self.tenant_id, slug=entry["slug"])
        row = mine.first()
        if row is None:
            row = create_plan(
                tenant_id=self.tenant_id, at=self.at, slug=entry["slug"], application_id=application_id,
                metadata=entry["metadata"], **texts, **fixed, **terms,
            )  # fmt: skip
            self.done.note("plans", "created")
        elif row.status == PlanStatus.ARCHIVED:
            self.done.note("plans", "unchanged")
            return row.id
        else:
            self._change_plan(row, {**texts, "metadata": _replacing(row.metadata, entry["metadata"])}, fixed, terms)
        if entry["archived"]:
            plan_id = row.id
            self.last.append(lambda: archive_plan(tenant_id=self.tenant_id, plan_id=plan_id, at=self.at))
        return row.id

    def _change_plan(
        self, row: Plan, texts: Mapping[str, Any], fixed: Mapping[str, Any], terms: Mapping[str, Any]
    ) -> None:
        same = self._sells(row, terms)
        changes = dict(texts)
        if row.status == PlanStatus.DRAFT:
            changes |= {**fixed, **({} if same else terms)}
        elif wrong := [name for name, value in fixed.items() if getattr(row, name) != value]:
            raise InvalidRequest(
                [Problem(name, "invalid", "Of a published plan this never changes.") for name in wrong]
            )
        row = update_plan(tenant_id=self.tenant_id, plan_id=row.id, at=self.at, changes=changes)
        if row.status == PlanStatus.ACTIVE and not same:
            create_plan_version(tenant_id=self.tenant_id, plan_id=row.id, at=self.at, given=terms)
        self.done.note("plans", "unchanged" if same and row.updated_at != self.at else "changed")

    def _coupon(self, entry: Mapping[str, Any]) -> None:
        known = {"plans": self.plans, "products": self.products, "prices": self.prices}
        targets: dict[str, Any] = {
            kind: [self._named(of, name, f"{kind}[{at}]") for at, name in enumerate(entry[kind])]
            for kind, of in known.items()
        }
        outcome = bring_coupon(
            tenant_id=self.tenant_id, at=self.at, entry=entry, application_id=self._application(entry),
            targets=targets,
        )  # fmt: skip
        self.done.note("coupons", outcome)

    def _terms(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """What the services take of the terms of a plan."""
        charged = [self._named(self.prices, key, f"prices[{at}]") for at, key in enumerate(entry["prices"])]
        granted = []
        for at, one in enumerate(entry["features"]):
            named = self._named(self.features, one["feature"], f"features[{at}].feature")
            granted.append({"feature_id": named, **{name: value for name, value in one.items() if name != "feature"}})
        plain = {"trial_days": entry["trial_days"], "minimum_commitment": entry.get("minimum_commitment")}
        return {**plain, "prices": charged, "features": granted}

    def _sells(self, plan: Plan, terms: Mapping[str, Any]) -> bool:
        """Whether the version in force, or the latest, has these terms."""
        rows = Feature.objects.filter(tenant_id=self.tenant_id).in_bulk(
            [one["feature_id"] for one in terms["features"]]
        )
        granted = [_grant(granted_of(rows[one["feature_id"]], one)) for one in terms["features"]]
        wanted = (terms["trial_days"], terms["minimum_commitment"], terms["prices"], granted)
        latest = plan_versions(tenant_id=self.tenant_id, plan_id=plan.id).order_by("-number")[0]
        standing = standing_version(get_plan(tenant_id=self.tenant_id, plan_id=plan.id, at=self.at))
        return any(
            wanted
            == (
                one.trial_days, one.minimum_commitment, [price.price_id for price in one.prices.all()],
                [_grant(grant) for grant in one.features.all()],
            )
            for one in (standing, latest)
        )  # fmt: skip

    def _application(self, entry: Mapping[str, Any]) -> UUID | None:
        return self._named(self.applications, entry.get("application"), "application")

    @staticmethod
    def _named(known: Mapping[str, UUID], name: str | None, path: str) -> UUID | None:
        if name is not None and name not in known:
            raise NotFound(f"{name} is not known here, and does not stand in the file before.", path=path)
        return known[name] if name is not None else None

    def _known(self, model: Any, prefix: str, key: str) -> Any:
        """The row that was imported under this key, or that has it as its id."""
        condition = Q(**{f"metadata__{KEY}": key})
        try:
            condition |= Q(id=decode_id(prefix, key))
        except InvalidId:
            pass
        return model.objects.filter(condition, tenant_id=self.tenant_id).order_by("id").first()

    def _note(self, kind: str, row: Any, *, retiring: bool = False) -> None:
        """Services touch `updated_at` only where something differs."""
        self.done.note(kind, "changed" if retiring or row.updated_at == self.at else "unchanged")


@contextmanager
def _at(place: str) -> Iterator[None]:
    """What is refused is refused there."""
    try:
        yield
    except DomainError as refused:
        found = refused.details or [Problem("", refused.code, refused.message)]
        raise InvalidRequest(
            [Problem(".".join(part for part in (place, one.path) if part), one.code, one.message) for one in found]
        ) from refused


def _replacing(before: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What to merge so that the pairs are those of the file; the key of the file stays."""
    return {**dict.fromkeys(set(before) - set(wanted) - {KEY}), **wanted}


def _grant(one: PlanFeature) -> tuple[Any, ...]:
    return one.feature_id, one.limit, one.soft_limit, one.reset_period
