"""Declaring one operation of the API: its scope, input, filters and answers, for frame and schema at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from common.api.filters import Filter
from common.api.serializers import InputSerializer

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route.

    `answers` maps each 2xx status to the serializer of its body (None: no body). `refusals` maps statuses to the codes
    of the row in the contract; the common ones are added by the schema. `paged` lists take `limit` and `cursor`.
    What only computes is not `keyed`: it takes no idempotency key. A public route has the scope `""`. `media_type` is
    that of its 2xx answers, `other_types` are those that `Accept` may ask for instead.
    """

    scope: str
    summary: str
    answers: Mapping[int, Any]
    body: type[InputSerializer] | None = None
    partial: bool = False
    filters: Sequence[Filter] = ()
    paged: bool = False
    refusals: Mapping[int, Sequence[str]] = field(default_factory=dict)
    key_required: bool = False
    keyed: bool = True
    description: str = ""
    media_type: str = "application/json"
    other_types: Sequence[str] = ()


def operation(
    scope: str, summary: str, *, answers: Mapping[int, Any], body: type[InputSerializer] | None = None,
    partial: bool = False, filters: Sequence[Filter] = (), paged: bool = False,
    refusals: Mapping[int, Sequence[str]] | None = None, key_required: bool = False, keyed: bool = True,
    description: str = "", media_type: str = "application/json", other_types: Sequence[str] = (),
) -> Callable[[Method], Method]:  # fmt: skip
    """Declare a method of a view."""
    declared = Operation(
        scope=scope, summary=summary, answers=answers, body=body, partial=partial, filters=filters, paged=paged,
        refusals=refusals or {}, key_required=key_required, keyed=keyed, description=description,
        media_type=media_type, other_types=other_types,
    )  # fmt: skip

    def attach(method: Method) -> Method:
        method.operation = declared  # type: ignore[attr-defined]
        return method

    return attach


def operation_of(view: Any, method: str | None) -> Operation | None:
    """The operation behind an HTTP method of a view, or None."""
    name = "get" if method == "HEAD" else (method or "").lower()
    return getattr(getattr(view, name, None), "operation", None)
