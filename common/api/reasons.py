"""The body of an action that only needs to say why."""

from __future__ import annotations

from common.api.fields import TextField
from common.api.serializers import InputSerializer


class ReasonInput(InputSerializer):
    """Why. The reason enters the audit trail."""

    reason = TextField(max_length=500)
