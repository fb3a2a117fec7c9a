"""Pages of the tenants app in the back office, one file per subject."""

from importlib import import_module

for _subject in ("tenant", "settings", "people", "keys", "trail", "retention"):
    import_module(f"tenants.admin.{_subject}")
