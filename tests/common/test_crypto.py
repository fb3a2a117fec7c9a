"""Secrets at rest: a token opens under its key, at its place, unchanged, or not at all."""

import dataclasses
import hashlib
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.crypto import Aad, DecryptionFailed, InvalidKey, Keyring, constant_time_equal, digest_secret

FIRST = bytes(range(32))
SECOND = bytes(range(1, 33))
PLACE = Aad(UUID(int=1), "providers", "secret", UUID(int=2))
RING = Keyring(FIRST)


@given(st.binary(max_size=500))
def test_what_was_encrypted_is_read_again_at_the_same_place(plaintext):
    token = RING.encrypt(plaintext, aad=PLACE)
    assert RING.decrypt(token, aad=dataclasses.replace(PLACE)) == plaintext


def test_a_token_names_its_version_and_key_and_hides_the_rest():
    token = RING.encrypt(b"sk_live_visible", aad=PLACE)
    version, key_id, sealed = token.split(":")
    assert (version, key_id) == ("v1", hashlib.sha256(FIRST).hexdigest()[:8])
    assert key_id == RING.current_key_id
    assert "=" not in sealed
    assert "visible" not in token


def test_changing_any_character_makes_the_token_useless():
    token = RING.encrypt(b"secret", aad=PLACE)
    for position, character in enumerate(token):
        for other in {"A", "b", "0", ":", "=", " ", "é", "-"} - {character}:
            changed = token[:position] + other + token[position + 1 :]
            with pytest.raises(DecryptionFailed):
                RING.decrypt(changed, aad=PLACE)


def test_no_second_spelling_of_the_last_character_is_accepted():
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for length in range(3):
        token = RING.encrypt(b"x" * length, aad=PLACE)
        for other in alphabet.replace(token[-1], ""):
            with pytest.raises(DecryptionFailed):
                RING.decrypt(token[:-1] + other, aad=PLACE)


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_shortened_or_lengthened_token_is_refused(cut):
    token = RING.encrypt(b"secret", aad=PLACE)
    for changed in (token[:-cut], token[cut:], token + "A" * cut, token + "\n", token + "="):
        with pytest.raises(DecryptionFailed):
            RING.decrypt(changed, aad=PLACE)


@given(st.text())
def test_arbitrary_text_is_refused(text):
    for token in (text, f"v1:{RING.current_key_id}:{text}"):
        with pytest.raises(DecryptionFailed):
            RING.decrypt(token, aad=PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        dataclasses.replace(PLACE, tenant_id=UUID(int=3)),
        dataclasses.replace(PLACE, table="tenants"),
        dataclasses.replace(PLACE, column="secret2"),
        dataclasses.replace(PLACE, primary_key=UUID(int=3)),
        Aad(PLACE.primary_key, PLACE.table, PLACE.column, PLACE.tenant_id),
        Aad(PLACE.tenant_id, PLACE.column, PLACE.table, PLACE.primary_key),
        Aad(PLACE.tenant_id, "provider", "ssecret", PLACE.primary_key),
        Aad(PLACE.tenant_id, "", "providerssecret", PLACE.primary_key),
    ],
)
def test_a_token_moved_to_another_place_does_not_open(elsewhere):
    token = RING.encrypt(b"secret", aad=PLACE)
    with pytest.raises(DecryptionFailed) as caught:
        RING.decrypt(token, aad=elsewhere)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.builds(Aad, st.uuids(), st.text(), st.text(), st.uuids()), st.builds(Aad, st.uuids(), st.text(), st.text()))
def test_no_two_places_are_encoded_alike(left: Aad, right: Any):
    right = dataclasses.replace(right, tenant_id=left.tenant_id, primary_key=left.primary_key)
    assert (left.encode() == right.encode()) == (left == right)


def test_a_nonce_is_never_used_twice():
    tokens = {RING.encrypt(b"", aad=PLACE).split(":")[2][:16] for _ in range(20_000)}
    assert len(tokens) == 20_000


def test_a_former_key_still_opens_and_the_current_one_replaces_it():
    old_token = Keyring(FIRST).encrypt(b"secret", aad=PLACE)
    ring = Keyring(SECOND, [FIRST])
    assert ring.decrypt(old_token, aad=PLACE) == b"secret"
    assert ring.needs_rotation(old_token)
    new_token = ring.reencrypt(old_token, aad=PLACE)
    assert not ring.needs_rotation(new_token)
    assert Keyring(SECOND).decrypt(new_token, aad=PLACE) == b"secret"


def test_a_token_does_not_move_when_it_is_encrypted_again():
    with pytest.raises(DecryptionFailed):
        RING.reencrypt(RING.encrypt(b"secret", aad=PLACE), aad=dataclasses.replace(PLACE, column="other"))


def test_an_unknown_key_is_named_by_its_id_only():
    token = Keyring(SECOND).encrypt(b"secret", aad=PLACE)
    with pytest.raises(DecryptionFailed, match=hashlib.sha256(SECOND).hexdigest()[:8]) as caught:
        RING.decrypt(token, aad=PLACE)
    assert SECOND.hex() not in str(caught.value)


def test_a_token_under_one_key_does_not_pass_for_one_under_another():
    ring = Keyring(SECOND, [FIRST])
    token = ring.encrypt(b"secret", aad=PLACE)
    forged = token.replace(ring.current_key_id, RING.current_key_id)
    with pytest.raises(DecryptionFailed):
        ring.decrypt(forged, aad=PLACE)


def test_needs_rotation_refuses_what_is_no_token():
    for text in ("", "plain", "v2:00000000:AAAA", "v1::"):
        with pytest.raises(DecryptionFailed):
            RING.needs_rotation(text)


def test_keys_are_read_from_hexadecimal():
    token = RING.encrypt(b"secret", aad=PLACE)
    assert Keyring.from_hex(FIRST.hex().upper()).decrypt(token, aad=PLACE) == b"secret"
    assert Keyring.from_hex(SECOND.hex(), [FIRST.hex(), FIRST.hex(), SECOND.hex()]).decrypt(token, aad=PLACE)


bad_keys: list[Any] = ["", "0" * 64, "ab" * 31, "ab" * 33, "xy" * 32, " " + "ab" * 32, "ab" * 32 + "\n", None, FIRST]


@pytest.mark.parametrize("key", bad_keys)
def test_an_unusable_key_is_refused_by_the_name_of_its_setting_and_not_repeated(key):
    for current, old in ((key, []), (FIRST.hex(), [key])):
        with pytest.raises(InvalidKey, match="ENCRYPTION_KEY") as caught:
            Keyring.from_hex(current, old)
        assert "abab" not in str(caught.value)


def test_raw_keys_must_be_32_bytes_and_not_zero():
    for key in (b"", FIRST[:16], bytes(32)):
        with pytest.raises(InvalidKey):
            Keyring(key)


def test_a_key_ring_never_shows_its_keys():
    assert FIRST.hex() not in repr(RING)
    assert repr(FIRST) not in repr(vars(RING))


def test_only_bytes_are_encrypted():
    text: Any = "secret"
    with pytest.raises(TypeError):
        RING.encrypt(text, aad=PLACE)


def test_secrets_are_compared_and_digested():
    assert digest_secret("sk_svc_1") == hashlib.sha256(b"sk_svc_1").digest()
    assert constant_time_equal("müller", "müller".encode())
    assert not constant_time_equal("a", "b")
    assert not constant_time_equal("a", "aa")
    assert not constant_time_equal("\ud800", "a")
    assert len(digest_secret("\ud800")) == 32
