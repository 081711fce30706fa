"""What a person typed, as single statements, and those of them that say nothing about the app."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import Enum, auto

import msgspec

from libs.llm.offline.areas import begins_with_action

__all__ = ["Kind", "Statement", "items_of", "kind_of", "shortened", "statements_of"]

_BULLET = re.compile(r"^\s*[-*•+–]\s+")
_ITEM = re.compile(r"^\s*(?:[-*•+–]|\d{1,2}[.)])\s+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|approx|ca|vs|no|nr|dr|mr|mrs|ms|prof|st|inc|ltd|z\.b|bzw|usw|p\.ej|sr|sra|env|max|min|incl)"
    r"|\b[A-Z]|^\s*\d{1,3})\.$",
    re.IGNORECASE,
)
_BREAK = re.compile(r"(?<=[.!?。！？…])[\"”»')]*\s+|(?<=[。！？])|\s*;\s+")


class Statement(msgspec.Struct, frozen=True):
    """One statement, words and marks as typed; `line` is where it stood, `bulleted` whether as an item of a list."""

    text: str
    line: int = 0
    bulleted: bool = False


def statements_of(text: str) -> Iterator[Statement]:
    """The statements in order, each one line; bullets lose their mark."""
    for number, raw in enumerate(text.splitlines()):
        bulleted = bool(_ITEM.match(raw))
        line = _BULLET.sub("", "".join(char if _printable(char) else " " for char in raw)).strip()
        start = 0
        for gap in _BREAK.finditer(line):
            part = line[start : gap.start()]
            if part.endswith(".") and _ABBREVIATION.search(part[-12:]):
                continue
            if part.strip():
                yield Statement(part.strip(), number, bulleted)
            start = gap.end()
        if line[start:].strip():
            yield Statement(line[start:].strip(), number, bulleted)


def items_of(statement: str) -> list[str]:
    """The items of a statement that is a list of short phrases ("a map of stalls, opening hours, a route") or of
    actions, else the statement."""
    parts = _LIST_GAP.split(statement)
    short = all(_LIST_WORDS[0] <= len(part.split()) <= _LIST_WORDS[1] for part in parts)
    if len(parts) < _LIST_ITEMS_MIN or not (short or all(map(begins_with_action, parts))):
        return [statement]
    return [part.strip() for part in parts]


def shortened(statement: str, length: int = 110) -> str:
    """The statement for quoting inside a sentence: cut after a word where it is long."""
    if len(statement) <= length:
        return statement.rstrip(" .,;:。")
    return statement[:length].rsplit(" ", 1)[0].rstrip(" .,;:") + " …"


def _printable(char: str) -> bool:
    return char == "\t" or unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")


_LIST_GAP = re.compile(r", (?:(?:and|und|et|y|e) )?")
_LIST_ITEMS_MIN = 3
_LIST_WORDS = (2, 9)


class Kind(Enum):
    """What a statement is to the talk."""

    CONTENT = auto()
    FILLER = auto()
    """Politeness, or a bare yes."""
    UNKNOWN = auto()
    """The person does not know, or skips the question."""
    END = auto()
    """The person wants no more questions."""
    UNCLEAR = auto()
    """The person asks what the question means."""


_FILLER = (
    "hi|hello|hey|hi there|hello there|hey there|good (?:morning|afternoon|evening)|thanks|thank you|thanks a lot|thx|ok|"
    "okay|sure|yes|yep|yeah|great|cool|perfect|good|fine|please|hallo|guten (?:tag|morgen|abend)|danke|ja|bitte|gut|"
    "bonjour|salut|merci|oui|d'accord|hola|buenos dias|buenos días|gracias|si|sí|vale|ciao|olá|obrigado|obrigada|sim"
)
_UNKNOWN = (
    "(?:sorry,? )?(?:i |we )?(?:really |honestly )?(?:don't|do not|dont|didn't) (?:really )?know(?: yet| that| this)?|"
    "idk|dunno|no idea|no clue|not sure|(?:i'm |i am |we're )?not sure(?: yet| about that)?|unsure|unknown|skip|"
    "skip (?:it|this|that|this one|that one)|pass|next|next question|n/?a|none|no|nope|nothing|tbd|later|no answer|"
    "not decided|undecided|(?:i )?(?:have )?no preference|whatever|you decide|up to you|can't say|cannot say|"
    "(?:i |we )?haven't (?:decided|thought about (?:it|that))(?: yet)?|no constraints?|nothing special|"
    "(?:das )?wei(?:ß|ss) (?:ich|wir) nicht|(?:ich |wir )?wei(?:ß|ss)(?:en)? (?:es )?nicht|keine ahnung|nein|"
    "überspringen|weiter|egal|nichts|"
    "je ne sais pas|(?:je )?sais pas|aucune idée|non|passer|rien|"
    "no (?:lo )?s[eé]|ni idea|saltar|paso|nada|não sei|não|non lo so|わからない|分からない|不知道|не знаю"
)
_END = (
    "(?:(?:ok|okay|no|yes|yeah|and|well|i think),? )*(?:that's|that is|thats|that was) (?:all|it|everything|enough)(?: for now| i have| i know)?|"
    "that should be (?:all|it|enough)|"
    "done|i'm done|i am done|we're done|finish(?: now| it)?|finished|enough(?: questions)?|no more(?: questions)?|"
    "(?:no,? )?nothing (?:else|more)(?: to add)?|stop(?: asking)?|stop asking (?:me )?questions|the end|"
    "(?:just |please |now )*(?:build|start|begin|make|do|submit) it(?: now| please| already)?|(?:just |please )*go(?: ahead)?|"
    "let's (?:go|start|build it)|proceed|summari[sz]e(?: now| it| please)?|"
    "(?:(?:ja|nein|ok|okay),? )*das (?:ist|war|wär[es]*) (?:alles|es|schon alles)|das war's|fertig|genug|leg los|mehr nicht|"
    "c'est tout|terminé|ça suffit|rien d'autre|eso es todo|es todo|nada más|ya está|listo|terminado|isso é tudo|"
    "è tutto|以上です|это всё|это все"
)
_UNCLEAR = (
    "(?:sorry,? )?what(?: exactly)? do you mean(?: by .{1,60})?|(?:what|which) kind of .{1,40}|huh|what|like what|"
    "(?:for example|such as|example|examples)|(?:can|could) you (?:please )?(?:give (?:me )?(?:an |some )?examples?|explain"
    "(?: .{1,40})?|rephrase(?: .{1,40})?)|i (?:don't|do not) (?:understand|get it|get the question)(?: .{1,30})?|"
    "why do you (?:ask|want to know)(?: .{1,30})?|why|who are you|what are you|are you (?:a )?(?:human|real|an? ai|a bot)|"
    "was meinst du(?: damit)?|wie bitte|verstehe ich nicht|zum beispiel|que veux-tu dire|comment ça|par exemple|"
    "qué quieres decir|no entiendo|por ejemplo"
)
_CLOSED = [
    (kind, re.compile(f"(?:{pattern})[\\s.!?,…。！？:)(-]*", re.IGNORECASE))
    for kind, pattern in (
        (Kind.FILLER, _FILLER),
        (Kind.UNKNOWN, _UNKNOWN),
        (Kind.END, _END),
        (Kind.UNCLEAR, _UNCLEAR),
    )
]
_CLOSED_LENGTH_MAX = 100


def kind_of(statement: str) -> Kind:
    """What the statement is; only one that matches a closed list as a whole is anything but content."""
    plain = statement.replace("’", "'").strip(" \t\"“”'*_")
    if not any(char.isalnum() or unicodedata.category(char) == "So" for char in plain):
        return Kind.UNCLEAR if "?" in plain or "？" in plain else Kind.UNKNOWN
    if len(plain) <= _CLOSED_LENGTH_MAX:
        for kind, pattern in _CLOSED:
            if pattern.fullmatch(plain):
                return kind
    return Kind.CONTENT
