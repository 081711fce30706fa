"""What text and names from clients may look like, judged alike for HTTP bodies and socket frames."""

from __future__ import annotations

import re
import unicodedata

from services.gateway.problems import Code, Fault, Problem

__all__ = ["CONTENT_LENGTH_MAX", "check_email", "check_name", "check_text", "invalid"]

CONTENT_LENGTH_MAX = 5_000  # characters of a prompt or a chat message

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\]\\]{1,64}@[^@\s\"(),:;<>\[\]\\]{1,189}\.[^@\s.\"(),:;<>\[\]\\]{2,63}")
_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_EMAIL_LENGTH_MAX = 254


def invalid(pointer: str, detail: str) -> Problem:
    """One field is wrong."""
    return Problem(Code.INVALID_INPUT, detail, errors=[Fault(pointer, detail)])


def check_text(text: str, pointer: str, what: str, *, length_max: int = CONTENT_LENGTH_MAX, empty: bool = False) -> str:
    """The text itself. Raises `INVALID_INPUT` where it is blank, too long, or holds control characters other than tab and line ends."""
    if not empty and not text.strip():
        raise invalid(pointer, f"{what} must not be empty.")
    if len(text) > length_max:
        raise invalid(pointer, f"{what} has {len(text):,} characters; {length_max:,} are allowed.")
    if _CONTROL.search(text):
        raise invalid(pointer, f"{what} must not hold control characters.")
    return text


def check_name(name: str, pointer: str, what: str) -> str:
    """A name of ours. Raises `INVALID_INPUT`."""
    if not _NAME.fullmatch(name):
        raise invalid(
            pointer, f"{what} has 1 to 64 lower-case letters, digits, '_' and '-', and does not begin with '-'."
        )
    return name


def check_email(email: str, pointer: str = "/email") -> str:
    """The email as it is kept: trimmed, in canonical Unicode. Raises `INVALID_INPUT`."""
    email = unicodedata.normalize("NFC", email.strip())  # so that one address has one spelling
    if len(email) > _EMAIL_LENGTH_MAX or not _EMAIL.fullmatch(email) or _CONTROL.search(email) or ".." in email:
        raise invalid(pointer, "This is not an email address.")
    return email
