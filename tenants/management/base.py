"""What operators' commands share: `--json`, tenants by slug or id, progress on stderr, errors as one sentence."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import os
import sys
import textwrap
import time
import traceback
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import DatabaseError, connection
from rest_framework.exceptions import ValidationError

from common.api.fields import EmailField
from common.clock import SystemClock
from common.errors import DomainError, Unavailable
from common.ids import encode_id
from common.prefixes import TENANT
from tenants.context import Context, system_context
from tenants.selectors import all_tenants

_BAR = 30
_SECONDS_DRAWN, _SECONDS_WRITTEN = 0.2, 5.0
"""Between two drawings of a bar on a terminal, and between two of its lines elsewhere."""


class TenantName(NamedTuple):
    """A tenant as commands know it."""

    id: UUID
    slug: str

    @property
    def type_id(self) -> str:
        """The id as the API shows it."""
        return encode_id(TENANT, self.id)


class _HelpFormatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of examples."""


class OperatorCommand(BaseCommand):
    """A command for operators. Subclasses set `help` and `examples` and implement `run`.

    `run` returns the result as JSON-ready values. With `--json` it is printed as one object on stdout; otherwise
    `describe` says it in words. Progress goes to stderr either way. Exit status 1 when the result says `"ok": False`.
    """

    examples = ""
    requires_migrations_checks = False
    _shown = -math.inf

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Help with examples at its end."""
        kwargs.setdefault("formatter_class", _HelpFormatter)
        kwargs["epilog"] = "Examples:\n" + textwrap.indent(textwrap.dedent(self.examples).strip(), "  ")
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.description = textwrap.fill(self.help, 100, break_on_hyphens=False)
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Options of the subclass, then `--json`."""
        self.add_options(parser)
        parser.add_argument("--json", action="store_true", help="Print the result as one JSON object on stdout.")

    def add_options(self, parser: CommandParser) -> None:
        """The subclass's own options."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, and print what came of it."""
        as_json = options.pop("json")
        try:
            result = self.run(**options)
        except DomainError as refused:
            raise CommandError(refused.message) from refused
        except DatabaseError as broken:
            if connection.connection is None and "DATABASE_URL" not in os.environ:
                raise CommandError(
                    f"LEDGER_HOME {settings.LEDGER_HOME} has no running services; start bin/up or set DATABASE_URL "
                    f"({str(broken).strip().splitlines()[0]})"
                ) from broken
            raise CommandError(f"The database refused: {str(broken).strip().splitlines()[0]}") from broken
        self.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) if as_json else self.describe(result))
        if result.get("ok") is False:
            sys.exit(1)

    def run(self, **options: Any) -> dict[str, Any]:
        """Do it. Errors of the domain become one sentence on stderr."""
        raise NotImplementedError

    def describe(self, result: Mapping[str, Any]) -> str:
        """The result in words; by default each value on a line."""
        width = max((len(name) for name in result), default=0)
        return "\n".join(f"{name:<{width}}  {_plain(value)}" for name, value in result.items())

    def progress(self, text: str) -> None:
        """One line about work under way, on stderr."""
        self.stderr.write(text, style_func=str)
        self.stderr.flush()

    def bar(self, slug: str, done: int, total: int, what: str) -> None:
        """How much of the work is done, as a bar of its own line; on a terminal it is drawn over the former one.

        May be told of every single thing: the beginning and the end are always shown, the rest now and then.
        """
        now, every = time.monotonic(), _SECONDS_DRAWN if self.stderr.isatty() else _SECONDS_WRITTEN
        if 0 < done < total and now - self._shown < every:
            return
        self._shown = now
        filled = _BAR * done // max(total, 1)
        drawn = f"[{'#' * filled}{'.' * (_BAR - filled)}] {100 * done // max(total, 1):3} %"
        text = f"{slug}: {drawn}, {done:,} of {total:,} {what}"
        if self.stderr.isatty():
            self.stderr.write(f"\r{text}", style_func=str, ending="\n" if done >= total else "")
            self.stderr.flush()
        else:
            self.progress(text)

    @property
    def name(self) -> str:
        """The command's name, as the audit trail shows it."""
        return type(self).__module__.rpartition(".")[2]

    def context(self, tenant_id: UUID, *, reason: str = "") -> Context:
        """The context of this command's work in a tenant, for `tenant_scope`."""
        return system_context(tenant_id, f"command:{self.name}", reason=reason)


class TenantCommand(OperatorCommand):
    """A command that works tenant by tenant: with `--tenant` in one, without it in all.

    Subclasses implement `handle_tenant`; each opens the scope it needs. When a result says `"ok": False`, or a tenant's
    work ends with an unexpected error, the others are still done, and the exit status is 1.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        """`--tenant` besides."""
        parser.add_argument("--tenant", help="Slug or id (tnt_…) of the tenant. Without it: all tenants.")
        super().add_arguments(parser)

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """The result of one tenant, with `"ok"` where there is something to be wrong."""
        raise NotImplementedError

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """One tenant's result in words."""
        values = (
            f"{name} {_plain(value)}" for name, value in result.items() if name not in ("tenant", "tenantId", "ok")
        )
        return ", ".join(values)

    def run(self, **options: Any) -> dict[str, Any]:
        """Each tenant in turn."""
        named = options.pop("tenant")
        tenants = [resolve_tenant(named)] if named else [TenantName(*one) for one in all_tenants()]
        results: list[dict[str, Any]] = []
        for number, tenant in enumerate(tenants, start=1):
            if len(tenants) > 1:
                self.progress(f"[{number}/{len(tenants)}] {tenant.slug}")
            try:
                outcome = self.handle_tenant(tenant.id, tenant.slug, **options)
            except (CommandError, Unavailable):
                raise  # about the command or the installation: the next tenant would be refused as well
            except DomainError as refused:
                if named:
                    raise
                outcome = {"ok": False, "error": refused.message}
            except Exception as broken:
                if options.get("traceback"):
                    self.progress(traceback.format_exc())
                outcome = {"ok": False, "error": _sentence(broken)}
            results.append({"tenant": tenant.slug, "tenantId": tenant.type_id, **outcome})
        return {"ok": all(one.get("ok", True) for one in results), "tenants": results}

    def describe(self, result: Mapping[str, Any]) -> str:
        """One line per tenant."""
        if not result["tenants"]:
            return "There are no tenants."
        return "\n".join(
            f"{one['tenant']}: {'ok' if one.get('ok', True) else 'NOT OK'}. {self._described(one)}".rstrip()
            for one in result["tenants"]
        )

    def _described(self, result: Mapping[str, Any]) -> str:
        return str(result["error"]) if "error" in result else self.describe_tenant(result)


def resolve_tenant(text: str) -> TenantName:
    """The tenant of a slug or id. Raises `CommandError`."""
    for tenant in (TenantName(*one) for one in all_tenants()):
        if text in (tenant.slug, tenant.type_id):
            return tenant
    raise CommandError(f"There is no tenant {text!r}. Name it by its slug or by its id (tnt_…).")


def text(value: str) -> str:
    """An option's value: 1 to 255 characters, without spaces around them and without control characters."""
    value = value.strip()
    if not value:
        raise argparse.ArgumentTypeError("must not be empty")
    if len(value) > 255:
        raise argparse.ArgumentTypeError("must have at most 255 characters")
    # Cs are bytes of the command line that were not UTF-8; Zl and Zp break lines.
    if any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in value):
        raise argparse.ArgumentTypeError("must not contain control characters, line breaks or bytes that are not UTF-8")
    return value


def email_address(value: str) -> str:
    """An option's value: an e-mail address in lower case."""
    try:
        return EmailField().to_internal_value(text(value)).lower()
    except ValidationError as wrong:
        raise argparse.ArgumentTypeError(f"{value!r} is not an e-mail address") from wrong


def positive(text: str) -> int:
    """An option's value: a whole number of at least 1."""
    try:
        number = int(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from wrong
    if not 1 <= number <= 1_000_000_000:
        raise argparse.ArgumentTypeError("must be between 1 and 1,000,000,000")
    return number


def days(text: str) -> int:
    """An option's value: 1 to 36,500 days."""
    number = positive(text)
    if number > 36_500:
        raise argparse.ArgumentTypeError("must be at most 36,500 days")
    return number


def real_now() -> dt.datetime:
    """The real time, for keys and their expiry."""
    return SystemClock().now()


def _sentence(broken: Exception) -> str:
    """What an unexpected error says, on one line."""
    said = str(broken).strip().partition("\n")[0]
    name = type(broken).__name__
    return f"It ended with an unexpected error, {name}{': ' + said if said else ''}. Run it with --traceback for more."


def _plain(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value)) or "-"
        case _:
            return str(value)
