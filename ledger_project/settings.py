"""Django settings. Every variable is explained in README.md, "Configuration"."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import environ

from ledger_project.environment import BASE_DIR, ledger_home, local_secrets, service_urls

env = environ.Env()
_services = service_urls()
_secrets = local_secrets()

LEDGER_HOME = ledger_home()
DEBUG = env.bool("DEBUG", default=False)
# Only an instance started by `bin/up` has local secrets; everywhere else the two keys must be configured.
SECRET_KEY = env.str("SECRET_KEY", default=_secrets.get("secretKey", ""))
ENCRYPTION_KEY = env.str("ENCRYPTION_KEY", default=_secrets.get("encryptionKey", ""))
ENCRYPTION_KEYS_OLD = env.list("ENCRYPTION_KEYS_OLD", default=[])
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=5002)
# For 5002 that is 9464, where scrapers look for exporters of this kind.
WORKER_PORT = env.int("WORKER_PORT", default=PORT + 4462)
BASE_URL = env.str("BASE_URL", default=f"http://localhost:{PORT}")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

INSTALLED_APPS = [
    # Before django.contrib.admin, whose templates it replaces. The site itself is tenants.backoffice.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "tenants.backoffice.apps.AccountsConfig",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
    "ledger_project.apps.LedgerProjectConfig",
    "tenants",
    "events",
    "accounting",
    "billing",
    "metering",
    "invoicing",
    "subscriptions",
    "webhooks",
    "portal",
]

MIDDLEWARE = [
    "common.api.frame.ApiFrameMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Messages, sign-in and the chosen tenant, for the pages of people only: to the API it is one look at the path.
    "tenants.backoffice.middleware.BackofficeMiddleware",
]

ROOT_URLCONF = "ledger_project.urls"
WSGI_APPLICATION = "ledger_project.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


# Off behind a pgbouncer that keeps no prepared statements.
DATABASE_PREPARED = env.bool("DATABASE_PREPARED", default=True)

# Transactions that write at the same time in one process; its threads may be more (docs/adr).
WEB_WRITERS = env.int("WEB_WRITERS", default=2)


def database_settings(url: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL URL; a percent-encoded host is a socket folder (`postgres://u@%2Ftmp%2Fs/db`)."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or "")
        if not parts.netloc.rpartition("@")[2].lower().startswith("%2f")
        else unquote(parts.netloc.rpartition("@")[2].partition(":")[0]),
        "PORT": str(parts.port or ""),
        # One persistent connection per thread; how many write at once is bounded by WEB_WRITERS (docs/adr).
        "CONN_MAX_AGE": None if env.bool("DATABASE_PERSISTENT", default=True) else 0,
        "OPTIONS": {
            "application_name": "ledger",
            "server_side_binding": DATABASE_PREPARED,
            "prepare_threshold": 3 if DATABASE_PREPARED else None,
        },
    }


DATABASE_URL = env.str("DATABASE_URL", default=_services.get("databaseUrl", "postgres://ledger_app@localhost/ledger"))
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default=_services.get("databaseOwnerUrl", ""))
REDIS_URL = env.str("REDIS_URL", default=_services.get("redisUrl", "redis://localhost:6379/0"))
DATABASES = {"default": database_settings(DATABASE_URL)}
# Names of the four roles (docs/adr). The application's is whoever DATABASE_URL connects as.
DATABASE_APP_ROLE = str(DATABASES["default"]["USER"]) or "ledger_app"
DATABASE_SCAN_ROLE = env.str("DATABASE_SCAN_ROLE", default="ledger_scan")
DATABASE_BACKUP_ROLE = env.str("DATABASE_BACKUP_ROLE", default="ledger_backup")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "tenants.User"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = ["tenants.backoffice.formats"]

STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=BASE_URL.startswith("https://"))
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
# Probes and scrapers reach the process itself, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^api/health$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if BASE_URL.startswith("https://") else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_SECONDS > 0
SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
SESSION_COOKIE_SECURE = BASE_URL.startswith("https://")
CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_AGE = env.int("SESSION_HOURS", default=12) * 3600
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "no-referrer"
SECURE_CONTENT_TYPE_NOSNIFF = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Who signs in to the back office, and how. Nobody can sign up: `manage.py create_user`.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/admin/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
# A development instance of `bin/up` lets its administrator in with the password alone.
REQUIRE_MFA = env.bool("REQUIRE_MFA", default=not _secrets)
ACCOUNT_ADAPTER = "tenants.backoffice.signin.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
MFA_ADAPTER = "tenants.backoffice.signin.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Ledger"
MFA_RECOVERY_CODES_SHOW_ONCE = True
UNFOLD = {
    "COLORS": {
        "primary": {
            "50": "oklch(97.0% .014 240)", "100": "oklch(93.5% .030 240)", "200": "oklch(88.0% .055 240)",
            "300": "oklch(80.5% .090 241)", "400": "oklch(70.5% .125 243)", "500": "oklch(61.0% .145 246)",
            "600": "oklch(52.5% .145 249)", "700": "oklch(46.0% .125 250)", "800": "oklch(40.0% .100 251)",
            "900": "oklch(35.0% .080 252)", "950": "oklch(26.0% .060 254)",
        }
    }
}  # fmt: skip
CSRF_FAILURE_VIEW = "tenants.backoffice.errors.csrf_failure"

CACHES = {"default": {"BACKEND": "common.cache.RedisOrMemory", "LOCATION": REDIS_URL}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

API_JSON_BODY_LIMIT_BYTES = env.int("API_JSON_BODY_LIMIT_BYTES", default=1_048_576)
# The API counts bytes itself and answers 413; Django's own limit would answer 400.
DATA_UPLOAD_MAX_MEMORY_SIZE = None
# A draft of 1,000 lines is one form of the back office. The API reads no forms.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
RATE_LIMIT_PER_MINUTE = env.int("RATE_LIMIT_PER_MINUTE", default=0)
IDEMPOTENCY_KEY_HOURS = env.int("IDEMPOTENCY_KEY_HOURS", default=24)
LEDGER_EGRESS_ALLOW = env.str("LEDGER_EGRESS_ALLOW", default="")
# Empty: nobody is asked about VAT numbers, and what adds up stays unverified.
VIES_URL = env.str("VIES_URL", default="https://ec.europa.eu/taxation_customs/vies/rest-api/check-vat-number")
VIES_RECHECK_DAYS = env.int("VIES_RECHECK_DAYS", default=90)
JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=30)
JOB_HEARTBEAT_SECONDS = env.int("JOB_HEARTBEAT_SECONDS", default=max(1, JOB_LEASE_SECONDS // 3))
WORKER_POLL_INTERVAL_MS = env.int("WORKER_POLL_INTERVAL_MS", default=1000)
WORKER_LANES = env.str("WORKER_LANES", default="dispatch=2,callbacks=1,mail=1,sweeps=2")
DASHBOARD_URL = env.str("DASHBOARD_URL", default="")
LANYARD_URL = env.str("LANYARD_URL", default="")
LANYARD_SERVICE_KEY = env.str("LANYARD_SERVICE_KEY", default="")

EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="events.console.EmailBackend")
EMAIL_HOST = env.str("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=587)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Ledger <billing@localhost>")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "common.api.schema.LedgerSchema",
    "EXCEPTION_HANDLER": "common.api.handler.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Ledger",
    "DESCRIPTION": "Multi-tenant billing: invoices, subscriptions, usage and a double-entry ledger.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    # Without a local icon the page would call a CDN.
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SCHEMA_COERCE_PATH_PK": False,
    "POSTPROCESSING_HOOKS": ["common.api.schema.security_schemes", "common.api.links.follow_ups"],
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
# Above the hard time limit: a running task is never handed out a second time.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 900}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: a Redis that is away for an hour must not leave workers that have given up.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# Fonts for scripts that ours do not have, such as Chinese or Japanese.
DOCUMENT_FONTS_DIR = env.str("DOCUMENT_FONTS_DIR", default="")

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT = env.str("LOG_FORMAT", default="console")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "ledger_project.logs.LineFormatter", "json": LOG_FORMAT == "json"}},
    "filters": {
        "outages": {"()": "ledger_project.logs.OutageInOneLine"},
        "unreported": {"()": "ledger_project.logs.OnlyUnreported"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["outages"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"level": "WARNING"},
        # The API's one exception handler reports what matters; Django would repeat each 4xx and 5xx.
        "django.request": {"level": "ERROR", "filters": ["unreported"]},
        # Answered with 400; strangers write the header.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # A line per sweep and second would bury everything else.
        "celery": {"level": "WARNING"},
    },
}
