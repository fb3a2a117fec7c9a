"""Routes of the billing app."""

from django.urls import path

from billing.api.views.coupons import CouponRedeemView, CouponsView, CouponView
from billing.api.views.credit import CustomerCreditView, GrantRevokeView, GrantsView
from billing.api.views.customers import CustomersView, CustomerView
from billing.api.views.exchange_rates import ExchangeRatesView
from billing.api.views.features import FeatureArchiveView, FeaturesView, FeatureView
from billing.api.views.plans import (
    PlanArchiveView,
    PlansView,
    PlanVersionDeactivateView,
    PlanVersionPublishView,
    PlanVersionsView,
    PlanView,
)
from billing.api.views.prices import PricesView, PriceView
from billing.api.views.products import ProductsView, ProductToggleView, ProductView
from billing.api.views.tax_rates import TaxRatesView, TaxRateView

urlpatterns = [
    path("api/coupons", CouponsView.as_view()),
    path("api/coupons/<str:idOrCode>", CouponView.as_view()),
    path("api/coupons/<str:code>/redeem", CouponRedeemView.as_view()),
    path("api/customers", CustomersView.as_view()),
    path("api/customers/<str:id>", CustomerView.as_view()),
    path("api/customers/<str:id>/credit", CustomerCreditView.as_view()),
    path("api/exchange-rates", ExchangeRatesView.as_view()),
    path("api/features", FeaturesView.as_view()),
    path("api/features/<str:id>", FeatureView.as_view()),
    path("api/features/<str:id>/archive", FeatureArchiveView.as_view()),
    path("api/grants", GrantsView.as_view()),
    path("api/grants/<str:id>/revoke", GrantRevokeView.as_view()),
    path("api/plans", PlansView.as_view()),
    path("api/plans/<str:id>", PlanView.as_view()),
    path("api/plans/<str:id>/archive", PlanArchiveView.as_view()),
    path("api/plans/<str:id>/versions", PlanVersionsView.as_view()),
    path("api/plans/<str:id>/versions/<str:version>/publish", PlanVersionPublishView.as_view()),
    path("api/plans/<str:id>/versions/<str:version>/deactivate", PlanVersionDeactivateView.as_view()),
    path("api/prices", PricesView.as_view()),
    path("api/prices/<str:id>", PriceView.as_view()),
    path("api/products", ProductsView.as_view()),
    path("api/products/<str:id>", ProductView.as_view()),
    path("api/products/<str:id>/toggle", ProductToggleView.as_view()),
    path("api/tax-rates", TaxRatesView.as_view()),
    path("api/tax-rates/<str:id>", TaxRateView.as_view()),
]
