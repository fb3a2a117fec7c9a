"""Routes of the billing app."""

from django.urls import path

from billing.api.views.customers import CustomersView, CustomerView
from billing.api.views.products import ProductsView, ProductToggleView, ProductView

urlpatterns = [
    path("api/customers", CustomersView.as_view()),
    path("api/customers/<str:id>", CustomerView.as_view()),
    path("api/products", ProductsView.as_view()),
    path("api/products/<str:id>", ProductView.as_view()),
    path("api/products/<str:id>/toggle", ProductToggleView.as_view()),
]
