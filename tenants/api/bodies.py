"""Objects of the tenants app as the API shows them: one function per object."""

from __future__ import annotations

from typing import Any

from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import AUDIT_ENTRY, JOB
from tenants.api.changes import difference, entity_id
from tenants.models import AuditEntry, Job, Logo, TenantSettings
from tenants.selectors import find_logo


def settings_body(settings: TenantSettings) -> dict[str, Any]:
    """The settings; the SMTP password is never shown."""
    return {
        "defaultCurrency": settings.default_currency,
        "taxRate": settings.tax_rate,
        "taxLabel": settings.tax_label,
        "dataRetentionDays": settings.data_retention_days,
        "allowSelfCancel": settings.allow_self_cancel,
        "timeZone": settings.time_zone,
        "paymentTermsDays": settings.payment_terms_days,
        "legalName": settings.legal_name,
        "address": settings.address,
        "vatId": settings.vat_id,
        "locale": settings.locale,
        "smtp": {
            "host": settings.smtp_host,
            "port": settings.smtp_port,
            "user": settings.smtp_user,
            "password": None,
            "passwordSet": settings.smtp_password_encrypted is not None,
            "from": settings.smtp_from,
        },
        "emailInvoices": settings.email_invoices,
        "prorationPolicy": settings.proration_policy,
        "paymentInstructions": settings.payment_instructions,
        "invoiceTexts": {
            language: {name: texts.get(name) for name in ("intro", "footer", "paymentInstructions")}
            for language, texts in sorted(settings.invoice_texts.items())
        },
        "brandColor": settings.brand_color,
        "logo": _logo(find_logo(tenant_id=settings.tenant_id, logo_id=settings.logo_id)),
    }


def _logo(logo: Logo | None) -> dict[str, Any] | None:
    """What the logo is; the picture itself is not part of any answer."""
    if logo is None:
        return None
    return {"sha256": logo.sha256, "mediaType": logo.media_type, "width": logo.width, "height": logo.height}


def audit_body(entry: AuditEntry) -> dict[str, Any]:
    """An entry of the audit trail."""
    return {
        "id": encode_id(AUDIT_ENTRY, entry.id),
        "object": "auditEntry",
        "action": entry.action,
        "entityType": entry.entity_type,
        "entityId": entity_id(entry),
        "actor": {"type": entry.actor_type, "id": entry.actor_id},
        "traceId": entry.trace_id or None,
        "ipAddress": entry.ip_address,
        "reason": entry.reason,
        "changes": difference(entry.entity_type, entry.before, entry.after),
        "outcome": entry.outcome,
        "createdAt": format_instant(entry.created_at),
    }


def job_body(job: Job) -> dict[str, Any]:
    """A job. `progress` is in percent."""
    return {
        "id": encode_id(JOB, job.id),
        "object": "job",
        "kind": job.kind,
        "status": job.status,
        "progress": job.progress,
        "result": job.result,
        "error": job.error,
        "createdAt": format_instant(job.created_at),
    }
