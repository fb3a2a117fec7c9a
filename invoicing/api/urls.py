"""Routes of invoices."""

from django.urls import path

from invoicing.api import views

urlpatterns = [
    path("api/invoices", views.InvoicesView.as_view()),
    path("api/invoices/<str:id>", views.InvoiceView.as_view()),
    path("api/invoices/<str:id>/items", views.InvoiceItemsView.as_view()),
    path("api/invoices/<str:id>/status", views.InvoiceStatusView.as_view()),
    path("api/invoices/<str:id>/finalise", views.FinaliseView.as_view()),
    path("api/invoices/<str:id>/finalize", views.FinalizeView.as_view()),
    path("api/invoices/<str:id>/mark-paid", views.MarkPaidView.as_view()),
    path("api/invoices/<str:id>/void", views.VoidView.as_view()),
    path("api/invoices/<str:id>/cancel", views.CancelView.as_view()),
    path("api/invoices/<str:id>/mark-uncollectible", views.MarkUncollectibleView.as_view()),
]
