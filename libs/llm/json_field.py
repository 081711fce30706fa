"""One string field read out of a JSON object while the object is still being written."""

from __future__ import annotations

import re

__all__ = ["StringFieldReader"]

_PLAIN = re.compile(r'[^"\\]+')
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REPLACEMENT = "\ufffd"


class StringFieldReader:
    """Feed it a JSON object in pieces of any size; it gives the text of one top-level string field, piece by piece.

    The pieces joined are the field's value as a JSON decoder gives it (a lone surrogate becomes U+FFFD). Whatever
    precedes the first `{` is skipped. Where the field is absent or no string it gives nothing; it never raises.
    """

    def __init__(self, field: str) -> None:
        self._field = field
        self._text = ""  # what was fed and not yet consumed
        self._depth = 0
        self._key: str | None = None  # the member being read, once its key and colon are
        self._awaits_key = False
        self._in_value = False  # inside the wanted string
        self._high: int | None = None  # the first half of a surrogate pair
        self.done = False

    def feed(self, piece: str) -> str:
        """What became known of the field with this piece."""
        if self.done:
            return ""
        self._text += piece
        found: list[str] = []
        position = 0
        while not self.done:
            consumed = self._value(position, found) if self._in_value else self._structure(position)
            if consumed == position:
                break
            position = consumed
        self._text = "" if self.done else self._text[position:]
        return "".join(found)

    def _structure(self, at: int) -> int:
        """Consume one token outside the wanted string; return `at` when more text is needed."""
        text = self._text
        if at >= len(text):
            return at
        char = text[at]
        if char == '"':
            if self._depth == 1 and not self._awaits_key and self._key == self._field:
                self._in_value = True
                return at + 1
            end = _string_end(text, at)
            if end is None:
                return at
            if self._depth == 1 and self._awaits_key:
                reader = StringFieldReader("")
                reader._text, reader._in_value = text[at + 1 : end], True
                self._key, self._awaits_key = reader.feed(""), False
            return end
        if self._depth == 0 and char != "{":
            return at + 1
        if char in "{[":
            self._depth += 1
            self._awaits_key = self._depth == 1
        elif char in "}]":
            self._depth -= 1
            self.done = self._depth == 0
        elif char == "," and self._depth == 1:
            self._awaits_key, self._key = True, None
        return at + 1

    def _value(self, at: int, found: list[str]) -> int:
        """Consume plain text, one escape or the closing quote of the wanted string."""
        text = self._text
        if at >= len(text):
            return at
        if plain := _PLAIN.match(text, at):
            self._flush(found)
            found.append(plain.group())
            return plain.end()
        if text[at] == '"':
            self._flush(found)
            self.done = True
            return at + 1
        if at + 1 >= len(text):
            return at
        if text[at + 1] != "u":
            self._flush(found)
            found.append(_ESCAPES.get(text[at + 1], text[at + 1]))
            return at + 2
        if at + 6 > len(text):
            return at
        digits = _HEX.match(text, at + 2)
        if digits is None:
            self._flush(found)
            found.append(_REPLACEMENT)
            return at + 2
        self._unit(int(digits.group(), 16), found)
        return at + 6

    def _unit(self, unit: int, found: list[str]) -> None:
        """One UTF-16 code unit of an escape."""
        if self._high is not None and 0xDC00 <= unit <= 0xDFFF:
            found.append(chr(0x10000 + ((self._high - 0xD800) << 10) + (unit - 0xDC00)))
            self._high = None
            return
        self._flush(found)
        if 0xD800 <= unit <= 0xDBFF:
            self._high = unit
        else:
            found.append(_REPLACEMENT if 0xDC00 <= unit <= 0xDFFF else chr(unit))

    def _flush(self, found: list[str]) -> None:
        if self._high is not None:
            found.append(_REPLACEMENT)
            self._high = None


def _string_end(text: str, at: int) -> int | None:
    """Where the string that opens at `at` ends (after its quote); None while that is not known."""
    position = at + 1
    while True:
        if plain := _PLAIN.match(text, position):
            position = plain.end()
        if position >= len(text):
            return None
        if text[position] == '"':
            return position + 1
        position += 2
