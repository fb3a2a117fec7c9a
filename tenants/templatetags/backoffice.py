"""`{% load backoffice %}`: values as `tenants.backoffice.display` shows them."""

from __future__ import annotations

from django import template

from tenants.backoffice import display

register = template.Library()
register.simple_tag(display.money, name="money")
register.filter("instant", display.instant)
register.filter("day", display.day)


@register.simple_tag
def badge(value: str, tone: str = "") -> str:
    """A state with its colour."""
    return display.badge(value, tone=tone)
