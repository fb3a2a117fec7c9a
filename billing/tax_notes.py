"""What a document says below a tax that is not charged. Pure.

Decisions carry the English sentence, which never changes: it is part of what a document's digest covers. A document in
another language shows its translation.
"""

from __future__ import annotations

from typing import Final

REVERSE_CHARGE: Final = "Reverse charge: the recipient is liable for the VAT (Article 196 of Directive 2006/112/EC)."
"""Article 226(11a) wants the words "Reverse charge" on the invoice."""
OUTSIDE: Final = (
    "Not subject to EU VAT: the place of supply is outside the European Union "
    "(Articles 44, 58 and 59 of Directive 2006/112/EC)."
)
CERTIFICATE: Final = "Exempt from tax: the customer holds an exemption certificate."
"""The certificate itself is personal data and stays with the customer: what is here can never be erased."""

_TRANSLATIONS: Final = {
    REVERSE_CHARGE: {
        "de": "Steuerschuldnerschaft des Leistungsempfängers (Artikel 196 der Richtlinie 2006/112/EG).",
        "fr": "Autoliquidation : la TVA est due par le preneur (article 196 de la directive 2006/112/CE).",
    },
    OUTSIDE: {
        "de": "Nicht steuerbar: Der Leistungsort liegt außerhalb der Europäischen Union "
        "(Artikel 44, 58 und 59 der Richtlinie 2006/112/EG).",
        "fr": "Non soumis à la TVA : le lieu de la prestation est situé hors de l’Union européenne "
        "(articles 44, 58 et 59 de la directive 2006/112/CE).",
    },
    CERTIFICATE: {
        "de": "Steuerbefreit: Der Kunde besitzt eine Freistellungsbescheinigung.",
        "fr": "Exonéré de taxe : le client est titulaire d’un certificat d’exonération.",
    },
}


def note_in(locale: str, note: str | None) -> str | None:
    """The note in the language of `locale` (`de`, `fr-CH`), where it is one of ours and has it; else as it is."""
    if note is None:
        return None
    return _TRANSLATIONS.get(note, {}).get(locale.partition("-")[0], note)
