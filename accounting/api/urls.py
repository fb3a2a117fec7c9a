"""Routes of the accounting app."""

from django.urls import path

from accounting.api.views.accounts import (
    AccountActivateView,
    AccountCloseView,
    AccountSuspendView,
    AccountsView,
    AccountView,
    UnitsView,
)
from accounting.api.views.books import ExportView, TrialBalanceView
from accounting.api.views.entries import EntriesView, EntryReverseView, EntryView
from accounting.api.views.holds import HoldCaptureView, HoldReleaseView, HoldsView, HoldView
from accounting.api.views.seals import SealsView, SealView
from accounting.api.views.statements import BalanceView, StatementView
from accounting.api.views.transfers import TransferBatchView, TransfersView, TransferView, TransferVoidView

urlpatterns = [
    path("api/transfers", TransfersView.as_view()),
    path("api/transfers/batch", TransferBatchView.as_view()),
    path("api/transfers/<str:id>", TransferView.as_view()),
    path("api/transfers/<str:id>/void", TransferVoidView.as_view()),
    path("api/accounts", AccountsView.as_view()),
    path("api/accounts/<str:id>", AccountView.as_view()),
    path("api/accounts/<str:id>/suspend", AccountSuspendView.as_view()),
    path("api/accounts/<str:id>/activate", AccountActivateView.as_view()),
    path("api/accounts/<str:id>/close", AccountCloseView.as_view()),
    path("api/accounts/<str:id>/balance", BalanceView.as_view()),
    path("api/accounts/<str:id>/statements", StatementView.as_view()),
    path("api/seals", SealsView.as_view()),
    path("api/seals/<str:id>", SealView.as_view()),
    path("api/units", UnitsView.as_view()),
    path("api/entries", EntriesView.as_view()),
    path("api/entries/<str:id>", EntryView.as_view()),
    path("api/entries/<str:id>/reverse", EntryReverseView.as_view()),
    path("api/holds", HoldsView.as_view()),
    path("api/holds/<str:id>", HoldView.as_view()),
    path("api/holds/<str:id>/capture", HoldCaptureView.as_view()),
    path("api/holds/<str:id>/release", HoldReleaseView.as_view()),
    path("api/books/trial-balance", TrialBalanceView.as_view()),
    path("api/books/export", ExportView.as_view()),
]
