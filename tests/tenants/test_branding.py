"""Claims about how a tenant's documents look, and about the snapshots of it."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from PIL import Image

from tenants.models import Logo, SettingsSnapshot, Tenant
from tenants.scope import tenant_scope
from tenants.selectors import get_settings
from tests.clients import Api

pytestmark = pytest.mark.django_db


def a_picture(kind: str = "PNG", size: tuple[int, int] = (60, 20)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return out.getvalue()


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def snapshots(tenant: Tenant) -> list[SettingsSnapshot]:
    with tenant_scope(tenant.id):
        return list(SettingsSnapshot.objects.order_by("version"))


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_logo_is_kept_by_its_digest_and_shown_as_facts(api: Api, tenant: Tenant, kind: str, media_type: str) -> None:
    content = a_picture(kind)
    answer = api.patch("/api/settings", {"logo": in_base64(content)})
    sha256 = hashlib.sha256(content).hexdigest()
    logo = {"sha256": sha256, "mediaType": media_type, "width": 60, "height": 20}
    assert (answer.status_code, answer.json()["logo"]) == (200, logo)
    assert api.get("/api/settings").json()["logo"] == logo
    assert snapshots(tenant)[-1].data["logo"] == sha256
    assert api.patch("/api/settings", {"logo": None}).json()["logo"] is None
    assert snapshots(tenant)[-1].data["logo"] is None


def test_the_same_logo_is_stored_once_and_changes_nothing(api: Api, tenant: Tenant) -> None:
    for _ in range(2):
        api.patch("/api/settings", {"logo": in_base64(a_picture())})
    with tenant_scope(tenant.id):
        assert Logo.objects.count() == 1
    assert len(snapshots(tenant)) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + b"x" * 30,
        a_picture()[:40], a_picture(size=(2001, 1)),
        a_picture()[:-40], b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (30_000).to_bytes(4, "big") * 2 + b"x" * 50,
    ],
    ids=["svg", "gif", "header only", "too wide", "cut off", "a bomb"],
)  # fmt: skip
def test_what_cannot_stand_on_a_document_is_refused(api: Api, tenant: Tenant, content: bytes) -> None:
    answer = api.patch("/api/settings", {"logo": in_base64(content), "taxRate": 5})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_logo")
    assert api.get("/api/settings").json()["taxRate"] == 0


@pytest.mark.parametrize(
    ("value", "code"),
    [("not base64!", "invalid"), (5, "invalid"), ("", "too_short"), ("A" * 349_533, "too_long"), ([], "invalid")],
)
def test_a_logo_that_is_no_picture_in_base64_is_a_wrong_field(api: Api, value: Any, code: str) -> None:
    answer = api.patch("/api/settings", {"logo": value})
    assert answer.status_code == 400
    assert [(one["path"], one["code"]) for one in answer.json()["details"]] == [("logo", code)]


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"brandColor": "red"}, "brandColor", "invalid"),
        ({"brandColor": "#12345g"}, "brandColor", "invalid"),
        ({"invoiceTexts": []}, "invoiceTexts", "invalid"),
        ({"invoiceTexts": {"xx": {}}}, "invoiceTexts.xx", "invalid"),
        ({"invoiceTexts": {"de": {"head": "x"}}}, "invoiceTexts.de.head", "unknown_field"),
        ({"invoiceTexts": {"de": {"intro": 5}}}, "invoiceTexts.de.intro", "invalid"),
        ({"invoiceTexts": {"de": {"footer": "x" * 1001}}}, "invoiceTexts.de.footer", "too_long"),
        ({"invoiceTexts": {"de": "x"}}, "invoiceTexts.de", "invalid"),
        ({"paymentInstructions": "x" * 2001}, "paymentInstructions", "too_long"),
    ],
)
def test_a_wrong_text_or_colour_is_named(api: Api, change: dict[str, Any], path: str, code: str) -> None:
    answer = api.patch("/api/settings", change)
    assert answer.status_code == 400
    assert [(one["path"], one["code"]) for one in answer.json()["details"]] == [(path, code)]


def test_colours_are_kept_in_lower_case_and_empty_texts_are_none(api: Api) -> None:
    answer = api.patch("/api/settings", {"brandColor": "#ABCDEF", "invoiceTexts": {"de": {}, "fr": None}})
    assert (answer.json()["brandColor"], answer.json()["invoiceTexts"]) == ("#abcdef", {})


def test_each_version_of_the_settings_has_its_snapshot_without_secrets(api: Api, tenant: Tenant) -> None:
    api.patch("/api/settings", {"legalName": "One Ltd", "smtp": {"password": "s3cret", "user": "mailer"}})
    api.patch("/api/settings", {"legalName": None, "address": {"city": "Bonn"}})
    kept = snapshots(tenant)
    assert [row.version for row in kept] == [1, 2, 3]
    assert [row.data["seller_name"] for row in kept] == [tenant.name, "One Ltd", tenant.name]
    assert kept[2].data["address"]["city"] == "Bonn"
    assert "s3cret" not in str([row.data for row in kept])
    assert set(kept[0].data) == {
        "seller_name", "address", "vat_id", "locale", "time_zone", "invoice_texts", "brand_color", "logo",
    }  # fmt: skip
    with tenant_scope(tenant.id):
        assert get_settings(tenant_id=tenant.id).version == 3


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_settingssnapshot SET data = '{}'", "DELETE FROM tenants_settingssnapshot",
        "INSERT INTO tenants_settingssnapshot (id, tenant_id, version, data) "
        "SELECT gen_random_uuid(), tenant_id, 99, data FROM tenants_settingssnapshot",
        "UPDATE tenants_logo SET content = 'x'", "DELETE FROM tenants_logo",
    ],
)  # fmt: skip
def test_the_database_refuses_to_change_or_make_up_a_snapshot_or_a_logo(
    api: Api, tenant: Tenant, statement: str
) -> None:
    api.patch("/api/settings", {"logo": in_base64(a_picture())})
    refused = pytest.raises(DatabaseError, match="never changed")
    with tenant_scope(tenant.id), connection.cursor() as cursor, refused, transaction.atomic():
        cursor.execute(statement)


def test_another_tenants_snapshots_and_logos_are_not_seen(api: Api, tenant: Tenant, other_tenant: Tenant) -> None:
    api.patch("/api/settings", {"logo": in_base64(a_picture())})
    with tenant_scope(other_tenant.id):
        assert not Logo.objects.exists()
        assert {row.tenant_id for row in SettingsSnapshot.objects.all()} == {other_tenant.id}
