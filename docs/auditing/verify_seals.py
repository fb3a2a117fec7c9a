"""Check answers of `GET /api/seals` and `GET /api/seals/{id}` that were saved to files, without Ledger.

    python verify_seals.py seals.json seal.json …          # Python 3.9 or newer, nothing else
    python verify_seals.py seals.json seal.json --head 1f0c…   # must lead to a head that you noted elsewhere

Every entry in the files is hashed anew from its content, led to the root of its seal, and the seals are linked to each
other. Ends with status 1 and says why when anything does not fit. docs/auditing.md explains each step.
"""

# ruff: noqa: T201 - it prints what it finds
from __future__ import annotations

import argparse
import hashlib
import json
import sys
from typing import Any

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def canonical(value: Any) -> bytes:
    """Keys sorted, no spaces, UTF-8: one spelling for one value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def uuid_of(type_id: str) -> str:
    """The UUID inside an id such as `ent_01hqx3qgf2c8mhwy9s6zwmf3yh`."""
    number = 0
    for character in type_id.rpartition("_")[2]:
        number = number * 32 + ALPHABET.index(character)
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def root_reached(digest: bytes, position: int, count: int, path: list[str]) -> bytes:
    """RFC 6962: hash the leaf with its path, from the bottom to the top."""
    node, rest, index, last = sha256(b"\x00", digest), list(path), position, count - 1
    while last > 0:
        if index % 2 or index < last:
            other = bytes.fromhex(rest.pop(0))
            node = sha256(b"\x01", other, node) if index % 2 else sha256(b"\x01", node, other)
        index, last = index // 2, last // 2
    if rest or index:
        raise ValueError("the path does not belong to this leaf")
    return node


def head_of(seal: dict[str, Any]) -> str:
    number, count = seal["number"].to_bytes(8, "big"), seal["entryCount"].to_bytes(8, "big")
    return sha256(bytes.fromhex(seal["previousHead"]), number, count, bytes.fromhex(seal["root"])).hex()


def check_proof(seal: dict[str, Any], proof: dict[str, Any]) -> str | None:
    """What is wrong with the proof of one entry, or None."""
    content, text = proof["content"], proof["text"]
    if uuid_of(proof["entryId"]) != content["id"]:
        return "the content is that of another entry"
    if text is not None:
        said = canonical({"description": text["description"], "metadata": text["metadata"]})
        if sha256(bytes.fromhex(text["salt"]), said).hex() != content["text"]:
            return "description or metadata are not what was digested"
    digest = sha256(sha256(canonical(content)), bytes.fromhex(proof["evidence"] or ""))
    if digest.hex() != proof["digest"]:
        return "the digest does not follow from the content"
    if root_reached(digest, proof["position"], seal["entryCount"], proof["path"]).hex() != seal["root"]:
        return "the path does not lead to the root"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--head", help="a head of the chain that you noted earlier")
    options = parser.parse_args()
    wrong: list[str] = []
    seals: dict[int, dict[str, Any]] = {}
    proven: dict[str, int] = {}
    for name in options.files:
        with open(name, encoding="utf-8") as file:
            answer = json.load(file)
        for seal in answer.get("data", [answer]):
            known = seals.setdefault(seal["number"], seal)
            if head_of(seal) != seal["head"]:
                wrong.append(f"{name}: seal {seal['number']}: the head does not follow from what it covers")
            if known["head"] != seal["head"]:
                wrong.append(f"{name}: seal {seal['number']}: there are two of this number")
            for proof in seal.get("proofs", []):
                try:
                    problem = check_proof(seal, proof)
                except (ValueError, IndexError, KeyError, TypeError) as broken:
                    problem = f"it cannot be read ({broken})"
                if problem:
                    wrong.append(f"{name}: seal {seal['number']}, entry {proof['entryId']}: {problem}")
                else:
                    proven[proof["entryId"]] = seal["number"]
    runs: list[list[int]] = []
    for number in sorted(seals):
        before = seals.get(number - 1, {"head": "0" * 64 if number == 1 else None})["head"]
        if before is not None and seals[number]["previousHead"] != before:
            wrong.append(f"seal {number}: it does not continue the seal before it")
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    for run in runs:
        print(f"seals {run[0]} to {run[-1]} are linked; the head is {seals[run[-1]]['head']}")
    for entry, number in sorted(proven.items(), key=lambda one: (one[1], one[0])):
        print(f"{entry} is in seal {number}")
    if options.head:
        linked = next((run for run in runs if any(seals[one]["head"] == options.head.lower() for one in run)), None)
        if linked is None:
            wrong.append("no seal has the head that you noted")
        elif not set(proven.values()) <= set(linked):
            wrong.append("seals are missing between the head that you noted and the seals of the entries")
    for problem in wrong:
        print(f"WRONG: {problem}")
    print("Something does not fit." if wrong else "Everything fits.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
