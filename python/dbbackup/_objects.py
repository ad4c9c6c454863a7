"""Verifications and failures as plain data: what ``--json`` prints, with the keys of the command line's."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbbackup._verified import Verified
    from dbbackup.exceptions import DbbackupError


def verified_object(verified: Verified) -> dict[str, Any]:
    """Return what a verification found."""
    report = verified.report
    if report.sealed:
        return {"name": report.name, "proof": report.proof, "sealed": report.sealed}
    found: dict[str, Any] = {
        "name": report.name,
        "plain_bytes": report.plain_bytes,
        "stored_bytes": report.stored_bytes,
        "proof": verified.proof,
        "seconds": verified.seconds,
        "notes": list(verified.notes),
    }
    if report.content:
        content = report.content
        found["media"] = {key: getattr(content, key) for key in ("files", "folders", "bytes", "links")}
    if verified.drill:
        found["drill"] = asdict(verified.drill)
    return found


def error_object(error: DbbackupError) -> dict[str, Any]:
    """Return what failed, why, and the exit status that stands for it."""
    return {
        "kind": error.kind,
        "stage": error.stage,
        "retry": "later" if error.retry else "never",
        "message": str(error),
        "subject": error.subject,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
