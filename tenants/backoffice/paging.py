"""Pages of lists that may have a million rows: one short query for the ids, one for the rows of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

BOUND: Final = 2_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Looks no further than 2,000 rows. What lies beyond is found with filters and search.

    The ids of these rows are read once, in their order; they count the rows and choose those of a page. So a filter
    that no index answers scans once, and a late page costs no more than the first.
    """

    template_name = "tenants/backoffice/pagination.html"

    @cached_property
    def count(self) -> int:
        """The number of rows, or the bound when there are more."""
        return min(len(self._ids), BOUND) if self._ids is not None else len(self.object_list)

    @property
    def is_bounded(self) -> bool:
        """Whether there are more rows than are counted."""
        return self._ids is not None and len(self._ids) > BOUND

    def page(self, number: Any) -> Any:
        """The rows of a page."""
        number = self.validate_number(number)
        first, last = (number - 1) * self.per_page, min(number * self.per_page, self.count)
        if self._ids is None:
            return Page(self.object_list[first:last], number, self)
        rows: Any = self.object_list
        return Page(rows.filter(pk__in=self._ids[first:last]), number, self)

    @cached_property
    def _ids(self) -> Sequence[Any] | None:
        rows: Any = self.object_list
        return list(rows.values_list("pk", flat=True)[: BOUND + 1]) if isinstance(rows, QuerySet) else None


class BackofficeChangeList(ChangeList):  # type: ignore[misc]
    """Django's, which would run the query of a short list a second time without its bound."""

    def get_results(self, request: HttpRequest) -> None:
        """The rows of the page that was asked for."""
        self.paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        self.result_count = self.paginator.count
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = False
        self.can_show_all = False
        self.multi_page = self.result_count > self.list_per_page
        try:
            self.result_list = self.paginator.page(self.page_num).object_list
        except InvalidPage as wrong:
            raise IncorrectLookupParameters from wrong
