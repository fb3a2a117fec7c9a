"""Shapes of seals on the wire. Digests are 64 characters of lower-case hexadecimal."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class SealOutput(serializers.Serializer[Any]):
    """A link of the chain."""

    id = serializers.CharField()
    object = serializers.CharField()
    number = serializers.IntegerField(help_text="1, 2, 3 … without a gap.")
    entry_count = serializers.IntegerField()
    previous_head = serializers.CharField(help_text="64 zeros before the first.")
    head = serializers.CharField(help_text="SHA-256 of the previous head, the number, the count and the root.")
    created_at = serializers.DateTimeField(help_text="Real time.")

    def get_fields(self) -> dict[str, Any]:
        """`root` means something else to a serializer, so that it cannot be an attribute."""
        root = serializers.CharField(help_text="The Merkle root of the entries' digests, as RFC 6962 has it.")
        return super().get_fields() | {"root": root}


class SealedTextOutput(serializers.Serializer[Any]):
    """What people wrote: its salted digest stands in the content."""

    salt = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())


class ProofOutput(serializers.Serializer[Any]):
    """An entry and what leads from it to the root."""

    entry_id = serializers.CharField()
    position = serializers.IntegerField(help_text="Of the leaf, from 0.")
    content = serializers.DictField(help_text="What the digest covers; docs/auditing.md says how.")
    evidence = serializers.CharField(allow_null=True, help_text="The digest of a document that the entry stands for.")
    text = SealedTextOutput(allow_null=True, help_text="null when nothing was written, or when it was erased.")
    digest = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField(), help_text="From the leaf upwards.")


class SealWithProofsOutput(SealOutput):
    """A link of the chain with proofs of its entries."""

    proofs = ProofOutput(many=True)
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)
