"""Pages in a real browser, on a server in this process with the tests' database.

Without Chromium these tests are left out by name: pytest's summary and that of `bin/test` list what was skipped.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from ledger_project.environment import BASE_DIR
from tenants.enums import Role
from tenants.models import Tenant, User
from tenants.scope import tenant_scope
from tenants.services.staff import add_membership, create_user
from tests.conftest import AT
from tests.e2e.chromium import MISSING, chromium_path

HERE = Path(__file__).parent
IMAGES = BASE_DIR / "docs" / "images" / "admin"
DESKTOP, PHONE = (1440, 900), (390, 844)
MAX_IMAGE_BYTES = 300 * 1024
EMAIL, PASSWORD = "mina@nordlicht.example.com", "correct horse battery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests are long and alone on the machine; without a browser each says itself that it was left out."""
    ours = [item for item in items if item.path.is_relative_to(HERE) and "page" in getattr(item, "fixturenames", ())]
    for item in ours:
        item.add_marker(pytest.mark.long)
        item.add_marker(pytest.mark.serial)
        item.add_marker(pytest.mark.django_db(transaction=True))
    if not ours or chromium_path() is not None:
        return
    for item in ours:
        item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    path = chromium_path()
    assert path is not None
    # Playwright's loop runs in this thread, where Django would otherwise refuse to touch the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--font-render-hinting=none"])
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser, live_server: Any) -> Iterator[Page]:
    """A page of a browser that nobody has used, at the address of the server. What its scripts get wrong fails."""
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, locale="en-GB",
        timezone_id="Europe/Berlin", color_scheme="light", reduced_motion="reduce",
    )  # fmt: skip
    context.set_default_timeout(15_000)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if _is_ours(message) else None)
    opened.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if _is_bad(answer) else None)
    yield opened
    context.close()
    assert wrong == []


def _is_ours(message: ConsoleMessage) -> bool:
    """Errors of scripts and of the policy. What could not be loaded is judged by its answer."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def _is_bad(answer: Response) -> bool:
    """A form that is shown again answers 409 or 422, 403 is what a role is told; an icon nobody named is asked for."""
    return answer.status >= 400 and answer.status not in (403, 409, 422) and not answer.url.endswith("/favicon.ico")


@pytest.fixture
def screenshot(page: Page, request: pytest.FixtureRequest) -> Callable[..., None]:
    """With `--screenshots`, keeps what the page shows as `docs/images/admin/<name>.png`; otherwise only looks at it.

    `phone=True` looks at it 390 pixels wide. A page that is wider than the window fails: nobody scrolls sideways.
    """
    keep = bool(request.config.getoption("--screenshots"))

    def take(name: str, *, phone: bool = False, whole: bool = False) -> None:
        width, height = PHONE if phone else DESKTOP
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_load_state("networkidle")
        page.evaluate("document.fonts.ready")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than the window"
        image = _smaller(_painted(page, whole=whole))
        assert len(image) <= MAX_IMAGE_BYTES, f"{name}: {len(image)} bytes"
        if keep and name:
            IMAGES.mkdir(parents=True, exist_ok=True)
            (IMAGES / f"{name}.png").write_bytes(image)
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})

    return take


@pytest.fixture
def company(make_tenant: Callable[..., Tenant]) -> Tenant:
    """The tenant of the story."""
    return make_tenant("nordlicht", "Nordlicht Software GmbH")


@pytest.fixture
def clerk(company: Tenant, make_tenant: Callable[..., Tenant]) -> User:
    """Works for two tenants; is no owner."""
    user = create_user(email=EMAIL, name="Mina Harker", password=PASSWORD, at=AT)
    for tenant in (company, make_tenant("suedwind", "Südwind Handel KG")):
        with tenant_scope(tenant.id):
            add_membership(tenant_id=tenant.id, user_id=user.pk, role=Role.ADMIN, at=AT)
    return user


@pytest.fixture
def signed_in(page: Page, clerk: User, company: Tenant, settings: Any) -> Page:
    """In the company, without a second factor."""
    settings.REQUIRE_MFA = False
    page.goto("/accounts/login/")
    page.get_by_label("Email").or_(page.get_by_label("E-mail")).fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    page.get_by_role("button", name="Nordlicht Software GmbH").click()
    expect(page.get_by_text("You work in Nordlicht Software GmbH now.")).to_be_visible()
    return page


def _painted(page: Page, *, whole: bool) -> bytes:
    """The picture once it stands still: after scrolling, a busy machine paints a page piece by piece."""
    before = b""
    for _ in range(20):
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 250)))")
        image = page.screenshot(full_page=whole, animations="disabled", caret="hide")
        if image == before:
            return image
        before = image
    raise AssertionError("The page does not stand still.")


def _smaller(image: bytes) -> bytes:
    """The same picture with 255 colours: a third of the bytes, and nobody sees it."""
    target = io.BytesIO()
    Image.open(io.BytesIO(image)).convert("RGB").quantize(255, dither=Image.Dither.NONE).save(
        target, "PNG", optimize=True
    )
    return target.getvalue()
