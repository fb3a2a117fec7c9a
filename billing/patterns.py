"""Shapes of texts that the API and the back office both check. Pure."""

from typing import Final

LOCALE: Final = r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?"
VAT_ID: Final = r"[A-Za-z0-9][A-Za-z0-9 ./+*-]{0,62}[A-Za-z0-9+*]"
FEATURE_KEY: Final = r"[a-z][a-z0-9_.-]{0,63}"
FEATURE_KEY_HINT: Final = "Expected a letter, then letters, digits, dots, dashes and underscores, all lower case."
VAT_ID_HINT: Final = "Expected a VAT number such as DE123456789."
TAX_CATEGORY: Final = r"[a-z][a-z0-9_-]{0,31}"
TAX_CATEGORY_HINT: Final = "Expected a lower-case word such as reduced or books."
SLUG: Final = r"[a-z0-9-]{1,64}"
SLUG_HINT: Final = "Expected lower case letters, digits and dashes."
COUPON_CODE: Final = r"[A-Za-z0-9_-]{1,64}"
COUPON_CODE_HINT: Final = "Expected letters, digits, dashes and underscores."
