"""Who does a piece of work that must not be done twice at a time."""

from __future__ import annotations

from django.db import models


class Lease(models.Model):
    """A named lease. It ends by itself, in real time, when its holder dies. It belongs to no tenant."""

    name = models.CharField(primary_key=True, max_length=200)
    holder = models.UUIDField()
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
