"""Claims about the door: passwords, second factors, limits, redirects, sessions."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from common.cache import RedisOrMemory
from common.ids import encode_id
from common.prefixes import TENANT, USER
from tenants.keyring import keyring
from tenants.models import Tenant, User
from tenants.services.second_factors import open_secret
from tests.tenants.backoffice.conftest import PASSWORD

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
ACTIVATE = "/accounts/2fa/totp/activate/"


@pytest.fixture(autouse=True)
def _no_attempts_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ada(tenant: Tenant, make_member: Callable[..., User]) -> User:
    return make_member(tenant, password=PASSWORD)


def enter(browser: Client, user: User, password: str = PASSWORD, **more: str) -> Any:
    return browser.post(LOGIN, {"login": user.email, "password": password, **more})


def code(secret: str) -> str:
    """What the app shows, with two seconds at least to type it in."""
    if time.time() % 30 > 28:
        time.sleep(2)
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def set_up(browser: Client) -> tuple[str, list[str]]:
    """Activate an authenticator app: its secret and the recovery codes."""
    secret = re.search(r'<code class="bo-code">([A-Z2-7]{32})</code>', browser.get(ACTIVATE).content.decode())
    assert secret
    answer = browser.post(ACTIVATE, {"code": code(secret[1])})
    assert answer["Location"] == "/accounts/2fa/recovery-codes/"
    codes = re.search(r'id="codes">([^<]+)<', browser.get(answer["Location"]).content.decode())
    assert codes
    return secret[1], codes[1].split()


def test_the_password_opens_the_back_office_and_the_session_is_a_new_one(ada: User) -> None:
    browser = Client()
    browser.get(LOGIN)
    browser.session["planted"] = "by somebody else"
    planted = browser.session
    planted["x"] = 1
    planted.save()
    before = planted.session_key
    browser.cookies["sessionid"] = str(before)
    answer = enter(browser, ada, next="/admin/tenants/application/")
    assert answer["Location"] == "/admin/tenants/application/"
    cookie = answer.cookies["sessionid"]
    assert cookie.value != before
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", "")
    assert browser.get("/admin/").status_code == 200


def test_over_https_cookies_are_secure(ada: User, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    answer = enter(Client(), ada)
    assert answer.cookies["sessionid"]["secure"]


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "https:evil.example"],
)
def test_nobody_is_sent_elsewhere_after_signing_in(target: str, ada: User) -> None:
    assert enter(Client(), ada, next=target)["Location"] == "/admin/"


def test_a_wrong_password_and_an_unknown_address_read_the_same(ada: User) -> None:
    known = enter(Client(), ada, "wrong password").content.decode()
    unknown = Client().post(LOGIN, {"login": "nobody@example.com", "password": "wrong password"}).content.decode()
    said = re.compile(r'role="alert">([^<]+)<')
    assert said.findall(known) == said.findall(unknown) != []


def test_somebody_deactivated_does_not_get_in_and_is_out_at_once(ada: User) -> None:
    browser = Client()
    enter(browser, ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert browser.get("/admin/").status_code == 302
    told = enter(Client(), ada)
    assert told["Location"] == "/accounts/inactive/"
    assert "deactivated this account" in Client().get(told["Location"]).content.decode()


def test_guessing_is_stopped_after_five_attempts_at_one_account(ada: User) -> None:
    for _ in range(5):
        assert enter(Client(), ada, "wrong password").status_code == 200
    answer = enter(Client(), ada)
    assert answer.status_code == 200
    assert "Too many" in answer.content.decode()


def test_a_flood_from_one_address_is_answered_with_a_page(ada: User) -> None:
    answers = [enter(Client(), ada, "wrong password") for _ in range(31)]
    assert (answers[-1].status_code, answers[-1]["Retry-After"]) == (429, "60")
    assert "Too many attempts" in answers[-1].content.decode()


def test_without_redis_people_get_in_and_guessing_is_still_stopped(ada: User, monkeypatch: Any) -> None:
    dead = RedisOrMemory("redis://127.0.0.1:1/0", {})
    monkeypatch.setattr("allauth.core.internal.ratelimit.cache", dead)
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.cache", dead)
    assert enter(Client(), ada)["Location"] == "/admin/"
    for _ in range(5):
        enter(Client(), ada, "wrong password")
    assert "Too many" in enter(Client(), ada).content.decode()
    dead._memory.clear()


def test_attempts_are_logged_without_what_was_typed(ada: User, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "ledger.signin")
    enter(Client(), ada, "wrong password")
    Client().post(LOGIN, {"login": "nobody@example.com", "password": "wrong password"})
    browser = Client()
    enter(browser, ada)
    browser.post("/accounts/logout/")
    lines = [(record.getMessage(), record.user) for record in caplog.records if record.name == "ledger.signin"]
    me = encode_id(USER, ada.pk)
    assert lines == [("sign_in_failed", me), ("sign_in_failed", "unknown"), ("signed_in", me), ("signed_out", me)]
    assert all("nobody@example.com" not in str(vars(record)) for record in caplog.records if "signin" in record.name)


def test_signing_out_needs_a_post_and_ends_the_session(ada: User) -> None:
    browser = Client()
    enter(browser, ada)
    assert "Do you want to sign out?" in browser.get("/accounts/logout/").content.decode()
    assert browser.get("/admin/logout/").status_code == 302
    assert browser.get("/admin/").status_code == 200
    assert browser.post("/admin/logout/")["Location"] == LOGIN
    assert browser.get("/admin/")["Location"].startswith(LOGIN)


def test_the_password_is_changed_only_with_the_old_one_and_to_a_good_one(ada: User) -> None:
    browser = Client()
    enter(browser, ada)
    page = "/accounts/password/change/"
    fields = {"oldpassword": PASSWORD, "password1": "another long password", "password2": "another long password"}
    for wrong in ({"oldpassword": "guess"}, {"password1": "short", "password2": "short"}):
        assert browser.post(page, fields | wrong).status_code == 200
    assert browser.post(page, fields).status_code == 302
    assert browser.get("/admin/").status_code == 200
    assert enter(Client(), ada).status_code == 200
    assert enter(Client(), ada, "another long password")["Location"] == "/admin/"


@pytest.mark.parametrize(
    "path",
    ["signup/", "email/", "password/reset/", "password/set/", "confirm-email/", "2fa/webauthn/", "google/login/"],
)
def test_what_is_not_offered_does_not_exist(path: str, client: Client, db: None) -> None:
    assert client.get(f"/accounts/{path}").status_code == 404


# The second factor


@pytest.fixture
def _required(settings: Any) -> None:
    settings.REQUIRE_MFA = True


@pytest.mark.usefixtures("_required")
def test_who_has_no_device_sets_one_up_before_anything_else(ada: User) -> None:
    browser = Client()
    enter(browser, ada)
    for page in ("/admin/", "/admin/tenants/application/", "/admin/tenant/"):
        assert browser.get(page)["Location"] == ACTIVATE
    secret, codes = set_up(browser)
    assert len(codes) == 10
    assert browser.get("/admin/").status_code == 200
    stored = Authenticator.objects.get(user=ada, type="totp").data["secret"]
    assert secret not in str(list(Authenticator.objects.values()))
    assert (stored.startswith(f"v1:{keyring().current_key_id}:"), open_secret(stored)) == (True, secret)


@pytest.mark.usefixtures("_required")
def test_the_second_sign_in_needs_the_code_and_a_code_works_once(ada: User) -> None:
    first = Client()
    enter(first, ada)
    secret, _ = set_up(first)
    browser = Client()
    assert enter(browser, ada)["Location"] == "/accounts/2fa/authenticate/"
    assert browser.get("/admin/")["Location"].startswith(LOGIN)
    assert "Incorrect code" in browser.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    right = code(secret)
    assert browser.post("/accounts/2fa/authenticate/", {"code": right})["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200
    replayed = Client()
    enter(replayed, ada)
    assert "Incorrect code" in replayed.post("/accounts/2fa/authenticate/", {"code": right}).content.decode()


@pytest.mark.usefixtures("_required")
def test_a_recovery_code_opens_once(ada: User) -> None:
    first = Client()
    enter(first, ada)
    _, codes = set_up(first)
    for attempt, opens in ((1, True), (2, False)):
        browser = Client()
        enter(browser, ada)
        answer = browser.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert (answer.status_code == 302) is opens, attempt


@pytest.mark.usefixtures("_required")
def test_recovery_codes_are_shown_once(ada: User) -> None:
    browser = Client()
    enter(browser, ada)
    _, codes = set_up(browser)
    again = browser.get("/accounts/2fa/recovery-codes/").content.decode()
    assert all(one not in again for one in codes)
    assert browser.get("/accounts/2fa/recovery-codes/download/").status_code == 404


@pytest.mark.usefixtures("_required")
def test_guessing_codes_is_stopped(ada: User) -> None:
    first = Client()
    enter(first, ada)
    secret, _ = set_up(first)
    browser = Client()
    enter(browser, ada)
    for _ in range(5):
        browser.post("/accounts/2fa/authenticate/", {"code": "000000"})
    answer = browser.post("/accounts/2fa/authenticate/", {"code": code(secret)})
    assert answer.status_code == 200
    assert browser.get("/admin/").status_code == 302


@pytest.mark.usefixtures("_required")
def test_a_required_device_cannot_be_removed_but_an_operator_resets_it(ada: User) -> None:
    browser = Client()
    enter(browser, ada)
    set_up(browser)
    assert browser.post("/accounts/2fa/totp/deactivate/", {}).status_code != 302
    assert Authenticator.objects.filter(user=ada, type="totp").exists()
    call_command("reset_second_factor", "--user", ada.email)
    assert not Authenticator.objects.filter(user=ada).exists()
    assert browser.get("/admin/")["Location"].startswith(LOGIN)
    enter(browser, ada)
    assert browser.get("/admin/")["Location"] == ACTIVATE


@pytest.mark.usefixtures("_required")
def test_a_session_from_before_shows_the_device_it_has(ada: User) -> None:
    """Signed in with the password alone, in another browser than the one that set the device up."""
    old, first = Client(), Client()
    enter(old, ada)
    enter(first, ada)
    secret, _ = set_up(first)
    place = old.get("/admin/")["Location"]
    assert place.startswith("/accounts/2fa/reauthenticate/")
    assert old.post(place, {"code": code(secret)})["Location"] == "/admin/"
    assert old.get("/admin/").status_code == 200


def test_a_device_is_asked_for_even_where_none_is_required(ada: User) -> None:
    first = Client()
    enter(first, ada)
    set_up(first)
    assert enter(Client(), ada)["Location"] == "/accounts/2fa/authenticate/"


def test_rotating_the_key_moves_second_factors_too(ada: User, settings: Any) -> None:
    browser = Client()
    enter(browser, ada)
    secret, codes = set_up(browser)
    settings.ENCRYPTION_KEYS_OLD, settings.ENCRYPTION_KEY = [settings.ENCRYPTION_KEY], "b2" * 32
    call_command("rotate_encryption_key")
    settings.ENCRYPTION_KEYS_OLD = []
    assert open_secret(Authenticator.objects.get(user=ada, type="totp").data["secret"]) == secret
    other = Client()
    enter(other, ada)
    assert other.post("/accounts/2fa/authenticate/", {"code": codes[3]})["Location"] == "/admin/"


@pytest.mark.usefixtures("_required")
def test_the_session_opens_the_api_only_with_the_second_factor(ada: User, tenant: Tenant) -> None:
    browser = Client()
    enter(browser, ada)
    headers = {"X-Tenant-Id": encode_id(TENANT, tenant.id)}
    answer = browser.get("/api/settings", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "second factor" in answer.json()["message"]
    set_up(browser)
    assert browser.get("/api/settings", headers=headers).status_code == 200
