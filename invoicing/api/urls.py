"""Routes of invoices."""

from django.urls import path

from invoicing.api import documents, views
from invoicing.api.books import DeferredRevenueView, ReceivablesAgeingView
from invoicing.api.explaining import ExplainView, PreviewView
from invoicing.api.sending import SendView
from invoicing.api.vat import VerifyVatView

urlpatterns = [
    path("api/invoices", views.InvoicesView.as_view()),
    path("api/invoices/preview", PreviewView.as_view()),
    path("api/invoices/<str:id>", views.InvoiceView.as_view()),
    path("api/invoices/<str:id>/items", views.InvoiceItemsView.as_view()),
    path("api/invoices/<str:id>/status", views.InvoiceStatusView.as_view()),
    path("api/invoices/<str:id>/pdf", documents.InvoicePdfView.as_view()),
    path("api/invoices/<str:id>/explain", ExplainView.as_view()),
    path("api/invoices/<str:id>/finalise", views.FinaliseView.as_view()),
    path("api/invoices/<str:id>/finalize", views.FinalizeView.as_view()),
    path("api/invoices/<str:id>/mark-paid", views.MarkPaidView.as_view()),
    path("api/invoices/<str:id>/void", views.VoidView.as_view()),
    path("api/invoices/<str:id>/cancel", views.CancelView.as_view()),
    path("api/invoices/<str:id>/send", SendView.as_view()),
    path("api/invoices/<str:id>/mark-uncollectible", views.MarkUncollectibleView.as_view()),
    path("api/customers/<str:id>/verify-vat", VerifyVatView.as_view()),
    path("api/books/receivables-ageing", ReceivablesAgeingView.as_view()),
    path("api/books/deferred-revenue", DeferredRevenueView.as_view()),
]
