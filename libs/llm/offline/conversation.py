"""Client Relations, offline: the talk read anew at every turn, then the next question or the summary.

Nothing is remembered between calls: what was given, declined and asked all follows from the messages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from zlib import crc32

import msgspec

from libs.llm.offline.areas import PROBED, Area, area_of, given_in_passing, label_of, names, weights_of, without_label
from libs.llm.offline.phrasing import PHRASES, Phrases, asked_in, language_of
from libs.llm.offline.statements import Kind, Statement, items_of, kind_of, shortened, statements_of
from libs.llm.prompts import SUMMARISE_NOW, unquote
from libs.llm.replies import ConversationTurn
from libs.llm.requirements import OPEN
from libs.llm.wire import RequestMessage

__all__ = ["Talk", "read_talk", "reply_to", "summary_of"]

_TURNS_LEFT = re.compile(r"^Turns left after this one: (\d+)\.", re.MULTILINE)
_PRODUCT = re.compile(
    r"\b(?:\w*app|tool|platform|site|website|system|service|bot|game|marketplace|dashboard|portal|plugin|extension|"
    r"software|product|tracker|planner|assistant|aplicación|plattform|application|outil)\b",
    re.IGNORECASE,
)
_ASKED_AT_MOST = 2


class Talk(msgspec.Struct):
    """What the person said so far, by area and word for word."""

    entries: dict[Area, list[str]]
    declined: set[Area]
    asked: Counter[Area]
    texts: list[str]
    fresh: str = ""
    """What the last turn said first, for the acknowledgement."""
    skipped: bool = False
    """The last turn declined what was asked."""
    unclear: bool = False
    """The last turn asked what the question means."""
    ended: bool = False
    """The person wants no more questions."""
    first: bool = True
    """The agent has not spoken yet."""

    def add(self, area: Area, entry: str) -> None:
        """Keep an entry once."""
        kept = self.entries.setdefault(area, [])
        if entry not in kept:
            kept.append(entry)

    def missing(self) -> list[Area]:
        """What is still to be asked, in order."""
        return [
            area
            for area in PROBED
            if not self.entries.get(area) and area not in self.declined and self.asked[area] < _ASKED_AT_MOST
        ]

    def open(self) -> list[Area]:
        """The probed areas without an answer."""
        return [area for area in PROBED if not self.entries.get(area)]


def reply_to(messages: Sequence[RequestMessage]) -> ConversationTurn:
    """The agent's turn after these messages."""
    rules = "\n".join(message.text() for message in messages if message.role in ("system", "developer"))
    talk = read_talk(messages)
    language = language_of(talk.texts)
    phrases = PHRASES.get(language, PHRASES["en"])
    must_finish = SUMMARISE_NOW in rules
    missing = talk.missing()
    opening = [phrases.introduction + "\n\n"] if talk.first else []
    if must_finish or talk.ended or not missing:
        return ConversationTurn(_joined([*opening, _closing(talk, phrases, must_finish)]), True, summary_of(talk))
    if talk.first and language == "other":
        opening.append(phrases.foreign)
    if talk.unclear:
        asked = next((area for area in missing if talk.asked[area]), missing[0])
        parts = [*opening, phrases.explanations[asked], phrases.questions[asked][1]]
        return ConversationTurn(_joined(parts), False)
    left = _TURNS_LEFT.search(rules)
    parts = [*opening, *_acknowledgement(talk, phrases), *_questions(talk, phrases, int(left[1]) if left else None)]
    return ConversationTurn(_joined(parts), False)


def read_talk(messages: Sequence[RequestMessage]) -> Talk:
    """The talk as these messages tell it; each user turn answers the agent's message before it."""
    talk = Talk({}, set(), Counter(), [])
    asked: list[Area] = []
    for message in messages:
        if message.role == "assistant":
            asked = asked_in(message.text())
            talk.asked.update(asked)
            talk.first = False
        elif message.role == "user":
            text = unquote(message.text())
            talk.texts.append(text)
            talk.fresh, talk.skipped, talk.unclear = "", False, False
            _take_in(talk, text, asked)
    return talk


def summary_of(talk: Talk) -> str:
    """The requirements in Markdown: the person's own words under the headings, an area without any said to be open."""
    sections = []
    for area in Area:
        entries = talk.entries.get(area, [])
        if entries or area in PROBED:
            items = [item for entry in entries for item in (items_of(entry) if area is Area.FEATURES else [entry])]
            lines = [f"- {item}" for item in items] or [OPEN]
            sections.append("\n".join([f"## {area}", "", *lines]))
    return "\n\n".join(sections)


def _take_in(talk: Talk, text: str, asked: Sequence[Area]) -> None:
    """One turn of the person's: each statement goes under its area, and none is lost."""
    statements = list(statements_of(text))
    kinds = [kind_of(statement.text) for statement in statements]
    is_idea = len(talk.texts) == 1
    contents = [statement for statement, kind in zip(statements, kinds, strict=True) if kind is Kind.CONTENT]
    if is_idea and not contents:
        contents = statements  # whatever it is, it is all there is
    labels = _Labels()
    open_asked = [area for area in asked if area in PROBED and not talk.entries.get(area)]
    for number, statement in enumerate(contents):
        talk.fresh = talk.fresh or statement.text
        entry = labels.take(statement)
        if entry is None:
            continue
        if labels.area is not None:
            talk.add(labels.area, entry)
        elif is_idea:
            _take_idea(talk, entry, first=number == 0, bulleted=statement.bulleted)
        else:
            _take_answer(talk, entry, asked, open_asked)
    if labels.heading:
        talk.add(labels.area or Area.OTHER, labels.heading)
    talk.ended = talk.ended or Kind.END in kinds
    talk.skipped = Kind.UNKNOWN in kinds and not contents
    talk.unclear = Kind.UNCLEAR in kinds and not contents
    if talk.skipped:
        talk.declined.update(asked)


class _Labels:
    """The headings a person writes: for the rest of their line, or alone for the lines up to the next gap."""

    def __init__(self) -> None:
        self.area: Area | None = None
        self.heading = ""
        """A heading on a line of its own whose words are not yet part of an entry."""
        self._line = -1
        self._alone = False

    def take(self, statement: Statement) -> str | None:
        """The entry the statement makes, `area` being set to where it is said to belong; None for a mere heading."""
        text = statement.text
        gap = statement.line - self._line > 1 and not statement.bulleted
        over = gap if self._alone else statement.line != self._line
        if over or (names(text) or self.area) is not self.area:
            self.area = None
        self._line = statement.line
        if named := label_of(text):
            self.area, says_more = named
            self._alone = not says_more
            if self._alone:
                plain = text.strip("#*_: \t").casefold()
                self.heading = "" if plain == self.area.casefold() else text.rstrip("*_ ")
                return None
        entry, self.heading = (f"{self.heading} {text}" if self.heading else without_label(text)), ""
        return entry


def _take_idea(talk: Talk, statement: str, *, first: bool, bulleted: bool) -> None:
    """A sentence of the first message: about the app itself, with what it says of other areas noticed, or about one."""
    if (first and weights_of(statement)[Area.PROBLEM] < 2) or _PRODUCT.search(statement):
        talk.add(Area.IDEA, statement)
        for area, phrase in given_in_passing(statement):
            talk.add(area, phrase)
        return
    area = area_of(statement, (), default=Area.FEATURES if bulleted else Area.IDEA, least=2 if bulleted else 1)
    if area is Area.AUDIENCE and weights_of(statement)[area] < 2:
        area = Area.IDEA  # people are in most sentences about an app
    talk.add(area, statement)
    if area is not Area.AUDIENCE and not talk.entries.get(Area.AUDIENCE):
        for given, phrase in given_in_passing(statement):
            if given is Area.AUDIENCE:
                talk.add(given, phrase)


def _take_answer(talk: Talk, statement: str, asked: Sequence[Area], open_asked: list[Area]) -> None:
    """A sentence of an answer: for what was asked and has none yet, unless it says itself what it is about."""
    if named := names(statement):
        talk.add(named, statement)
    elif open_asked:
        weights = weights_of(statement)
        wanted = max(open_asked, key=lambda area: weights[area])
        open_asked.remove(wanted)
        talk.add(wanted, statement)
    else:
        talk.add(area_of(statement, asked, default=asked[0] if asked else Area.OTHER, least=2), statement)


def _joined(parts: Sequence[str]) -> str:
    return " ".join(parts).replace("\n\n ", "\n\n")


def _acknowledgement(talk: Talk, phrases: Phrases) -> list[str]:
    if talk.skipped:
        return [phrases.skipped]
    if not talk.fresh:
        return []
    said = shortened(talk.fresh)
    form = phrases.acknowledgements[crc32(said.encode("utf-8", "replace")) % len(phrases.acknowledgements)]
    return [form.replace("{said}", said)]


def _questions(talk: Talk, phrases: Phrases, turns_left: int | None) -> list[str]:
    """One question, or two where the turns left would not suffice; the last one also asks what is fixed."""
    missing = talk.missing()
    count = 2 if turns_left is not None and len(missing) > turns_left else 1
    chosen = missing[:count]
    parts = [phrases.questions[area][min(talk.asked[area], 1)] for area in chosen]
    if len(parts) == 2:
        parts.insert(1, phrases.also)
    elif len(missing) == 1 and not talk.asked[Area.CONSTRAINTS] and not talk.entries.get(Area.CONSTRAINTS):
        parts.append(phrases.fixed)
    return parts


def _closing(talk: Talk, phrases: Phrases, must_finish: bool) -> str:
    open_areas = talk.open()
    if talk.ended:
        words = phrases.enough
    elif must_finish and open_areas:
        words = phrases.limit
    else:
        words = phrases.thanks
    if open_areas:
        words += " " + phrases.left_open.replace("{areas}", ", ".join(open_areas))
    return words
