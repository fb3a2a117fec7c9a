"""Views of the tenants app."""

from __future__ import annotations

from common.api.operation import operation
from tenants.api.serializers import SettingsInput, SettingsOutput
from tenants.api.view import Answer, Call, TenantView
from tenants.models import TenantSettings


def settings_body(settings: TenantSettings) -> dict[str, object]:
    """The settings as the API shows them."""
    return {
        "defaultCurrency": settings.default_currency,
        "taxRate": settings.tax_rate,
        "taxLabel": settings.tax_label,
        "legalName": settings.legal_name,
    }


class SettingsView(TenantView):
    """`/api/settings`."""

    @operation("settings:read", "Get the settings", answers={200: SettingsOutput})
    def get(self, call: Call) -> Answer:
        """The tenant's settings."""
        return Answer(200, settings_body(call.settings))

    @operation("settings:write", "Update the settings", answers={200: SettingsOutput}, body=SettingsInput, partial=True)
    def patch(self, call: Call) -> Answer:
        """Change some of them."""
        for name, value in call.data.items():
            setattr(call.settings, name, value)
        call.settings.save()
        return Answer(200, settings_body(call.settings))
