"""The folder of one instance (`LEDGER_HOME`): what lies where, who may pass, one supervisor at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included.
LONGEST_SOCKET_PATH = 100
LONGEST_SOCKET_NAME = "socket/.s.PGSQL.5432"
NOTE = "DATA-IS-ELSEWHERE.txt"


class HomeInUse(Exception):
    """Another supervisor runs in this folder."""


@dataclass(frozen=True)
class ServiceUser:
    """The unprivileged account that runs PostgreSQL and Redis when the supervisor is root."""

    uid: int
    gid: int


def service_user() -> ServiceUser | None:
    """`nobody` when we are root (PostgreSQL refuses to run as root), else None: everything runs as ourselves."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return ServiceUser(uid=nobody.pw_uid, gid=nobody.pw_gid)


def may_pass(path: Path, user: ServiceUser) -> bool:
    """Whether `user` may reach `path` through each of its parent folders."""
    for folder in (path, *path.parents):
        status = folder.stat()
        if status.st_uid == user.uid:
            needed = 0o100
        elif status.st_gid == user.gid:
            needed = 0o010
        else:
            needed = 0o001
        if folder.is_dir() and not status.st_mode & needed:
            return False
    return True


def write_private(path: Path, content: Mapping[str, str]) -> None:
    """Write JSON that only its owner may read, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(dict(content), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class Home:
    """The layout of `LEDGER_HOME`, made ready and locked for this process.

    `run/<name>.pid` and `log/` stay in it; `postgres/` and `redis/` too, except as root below a closed folder (mode
    700), where `nobody` could not reach them: then they are in a folder of /var/lib or /var/tmp, or as a last resort of
    the system's temporary directory, and a note says so. Sockets move to the latter when their path would be too long.
    """

    def __init__(self, path: Path) -> None:
        """Create and lock the folder. Raises `HomeInUse` when another supervisor has it."""
        self.path = path.absolute()
        self.user = service_user()
        if not self.path.exists():
            self.path.mkdir(parents=True)
            self.path.chmod(0o711 if self.user else 0o700)
        self._lock = self._take_lock()
        self.run = self._own_folder(self.path / "run")
        self.log = self._own_folder(self.path / "log")
        closed = self.user is not None and not may_pass(self.path, self.user)
        self._elsewhere: Path | None = None
        self.data = self.elsewhere() if closed else self.path
        too_long = len(os.fsencode(self.path / LONGEST_SOCKET_NAME)) > LONGEST_SOCKET_PATH
        self.sockets = (self.elsewhere(note=closed) if closed or too_long else self.path) / "socket"
        for folder in (self.sockets, self.data / "redis"):
            self.give_to_services(folder)

    def give_to_services(self, folder: Path) -> None:
        """Create `folder` if need be, closed to everybody but the account that runs PostgreSQL and Redis."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.user is not None:
            os.chown(folder, self.user.uid, self.user.gid)

    def elsewhere(self, *, note: bool = True) -> Path:
        """A folder that `nobody` may reach, named by a hash of this one. With `note` it lasts, where that is possible.

        Without the note its content is of a deleted instance and is removed.
        """
        if self._elsewhere is None:
            self._elsewhere = self._find_elsewhere(lasting=note)
        if note and self._recorded() != self._elsewhere:
            (self.path / NOTE).write_text(
                f"Data or programs of this instance are in\n{self._elsewhere}\n\n"
                "because PostgreSQL must not run as root and the account that runs it instead (nobody) cannot pass a\n"
                f"folder above {self.path} or above the installed programs.\n"
                "Delete this note, and the next start begins with an empty database.\n"
                "To keep everything in one place, set LEDGER_HOME to a folder that every user may pass.\n"
            )
        return self._elsewhere

    def _recorded(self) -> Path | None:
        """The folder that the note names."""
        note = self.path / NOTE
        return Path([*note.read_text().splitlines(), "", ""][1]) if note.exists() else None

    def _find_elsewhere(self, *, lasting: bool) -> Path:
        recorded = self._recorded()
        if recorded is not None and self._is_ours(recorded):
            return recorded
        # Cleaners of temporary directories delete what is old, which invoices may be.
        temporary = (tempfile.gettempdir(), "/tmp", "/var/tmp")  # noqa: S108 - the folder's owner is checked below
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        for parent in ("/var/lib", "/var/tmp", *temporary) if lasting else temporary:  # noqa: S108 - as above
            if not os.path.isdir(parent) or not os.access(parent, os.W_OK):
                continue
            if self.user is not None and not may_pass(Path(parent), self.user):
                continue
            for suffix in ("", "-1", "-2", "-3"):
                folder = Path(parent) / f"ledger-{os.getuid()}-{digest}{suffix}"
                if os.path.lexists(folder) and not self._is_ours(folder):
                    continue
                if folder.exists() and recorded is None:
                    shutil.rmtree(folder)
                folder.mkdir(exist_ok=True)
                folder.chmod(0o711 if self.user else 0o700)
                return folder
        raise SystemExit("No folder is open to the account nobody. Set TMPDIR or LEDGER_HOME.")

    def _is_ours(self, folder: Path) -> bool:
        return (
            folder.is_absolute() and folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid()
        )

    def secrets(self) -> dict[str, str]:
        """The keys of this instance, made at its first start (`secrets.json`, mode 600)."""
        path = self.path / "secrets.json"
        if not path.exists():
            write_private(path, {"secretKey": secrets.token_urlsafe(48), "encryptionKey": secrets.token_hex(32)})
        return dict(json.loads(path.read_text()))

    def _own_folder(self, folder: Path) -> Path:
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _take_lock(self) -> int:
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise HomeInUse(
                f"Ledger already runs in {self.path} (process {other}).\n"
                "Stop it first, or set LEDGER_HOME and PORT to run a second one beside it."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock

    def close(self) -> None:
        """Let the next supervisor in."""
        if self._elsewhere is not None and not (self.path / NOTE).exists():
            shutil.rmtree(self._elsewhere, ignore_errors=True)  # only sockets were there
        os.close(self._lock)
