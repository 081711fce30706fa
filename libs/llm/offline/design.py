"""What a requirement takes to build, judged by its words: the parts it needs, its effort, its main risk."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from libs.llm.requirements import Requirement

__all__ = ["Estimate", "Part", "estimate", "figures_in"]


class Part(msgspec.Struct, frozen=True):
    """A kind of building block. `rule` is what must be settled before it can be built, where something must."""

    name: str
    purpose: str
    risk: str
    check: str
    weight: int
    rule: str = ""


class Estimate(msgspec.Struct, frozen=True):
    """One requirement, judged."""

    requirement: Requirement
    parts: tuple[Part, ...]
    effort: str
    """S, M or L."""

    @property
    def risk(self) -> str:
        if self.requirement.area == "Constraints":
            return "a part that breaks it is noticed too late"
        return self.parts[0].risk if self.parts else "it is read differently by the builders than it was meant"

    @property
    def rules(self) -> list[str]:
        return [part.rule for part in self.parts if part.rule]


_PARTS = [
    (
        r"\bpay(?:s|ing|ments?)?\b|billing\b|checkout|subscri|refund|deposit|donat",
        Part(
            "Payments",
            "a payment provider behind one adapter, with its own ledger",
            "money is charged twice or not at all",
            "each charge happens exactly once, also when the connection breaks",
            3,
            "who receives the money, and when it is paid back, must be stated",
        ),
    ),
    (
        r"gdpr|dsgvo|hipaa|privacy|consent|medical|health|patient|diagnos|child|kids|pupil|passport|salary|compl(?:y|iance)",
        Part(
            "Protected data",
            "personal data kept apart, encrypted, with a log of who read it",
            "personal data reaches somebody it should not",
            "a person without the right to it cannot read the data, and every reading is logged",
            2,
            "who may read these data, and for how long they are kept, must be stated",
        ),
    ),
    (
        r"recommend|suggest|predict|detect|forecast|classif|\bai\b|machine learning|generat|transcri|translat|estimat",
        Part(
            "Model",
            "a model behind a port, with a plain fallback",
            "its answers are wrong and nobody notices",
            "on a prepared set of examples its answers are right as often as agreed",
            3,
        ),
    ),
    (
        r"chat|live\b|real.?time|messag|video call|collaborat|stream",
        Part(
            "Live channel",
            "a socket per person with a stored history behind it",
            "messages are lost when a connection drops",
            "after a dropped connection nothing is missing and nothing is there twice",
            2,
        ),
    ),
    (
        r"offline|without internet|sync",
        Part(
            "Offline store",
            "a local store that is reconciled when the network is back",
            "two people change the same thing while offline",
            "what was entered without a network is there on the server afterwards",
            3,
        ),
    ),
    (
        r"integrat|\bapi\b|connect|import|webhook|\bsap\b|shopify|slack|whatsapp|existing system",
        Part(
            "Integration",
            "an adapter to the other system, with retries and a record of each exchange",
            "the other system changes or is down",
            "while the other system is down nothing is lost, and it is caught up afterwards",
            2,
        ),
    ),
    (
        r"\bmaps?\b|\bgps\b|locat|route|nearby|navigat|distance",
        Part(
            "Places",
            "coordinates stored with what they belong to, and a map view",
            "positions are inexact where it matters",
            "at known places the shown position is right",
            2,
        ),
    ),
    (
        r"photo|pictur|image|video|upload|camera|scan|\bqr\b|barcode|attach",
        Part(
            "Media",
            "an object store for files, small previews, and a reader for codes where needed",
            "large files are slow on bad connections",
            "a file from a phone on a slow connection arrives whole or says why not",
            2,
        ),
    ),
    (
        r"remind|notif|alert|e-?mail|\bsms\b|push\b|warn",
        Part(
            "Notifications",
            "a queue of due messages, each sent once",
            "messages come twice, late or at night",
            "each message is sent once and at its time",
            1,
        ),
    ),
    (
        r"schedul|book|calendar|appointment|slot|reserv|shift|rota",
        Part(
            "Calendar",
            "bookings guarded against overlap, times kept with their zone",
            "the same slot is given twice",
            "two people who take the same slot at once do not both get it",
            2,
        ),
    ),
    (
        r"report|export|invoic|\bpdf\b|\bcsv\b|excel|chart|dashboard|statist|analy|overview|summar",
        Part(
            "Reports",
            "figures computed from the stored records, shown and exported",
            "figures differ from what people count themselves",
            "for a prepared set of records the figures are exactly the expected ones",
            1,
        ),
    ),
    (
        r"search|filter|\bfind\b|browse|match",
        Part(
            "Search",
            "an index over the records",
            "people do not find what is there",
            "each of ten prepared searches shows the expected record among the first",
            1,
        ),
    ),
    (
        r"log ?in|sign.?(?:in|up)|account|roles?\b|permission|password|approv|admin",
        Part(
            "Access",
            "accounts with roles, checked at every request",
            "somebody sees or changes what is not theirs",
            "a person of another role is refused",
            1,
        ),
    ),
    (
        r"budget|[$€£]|euros?\b|deadline|\bbefore\b|launch",
        Part(
            "Plan",
            "a limit watched at every milestone",
            "the limit is noticed too late",
            "each milestone reports what is left",
            1,
        ),
    ),
]
_COMPILED = [(re.compile(pattern, re.IGNORECASE), part) for pattern, part in _PARTS]
_FIGURE = re.compile(
    r"(?:[$€£¥]\s?)?\d[\d.,:/]*\d?(?:\s?(?:%|[$€£¥]|(?!(?:in|at|on|to|of|or|and|for|by|as|is|with)\b)[^\W\d_]+))?"
)
_NOT_WANTED = re.compile(r"(?:we|i) (?:do not|don't|dont) (?:want|need)\b(?! to)", re.IGNORECASE)
_MEDIUM, _LARGE = 2, 4
_WORDS_A_POINT = 14


def estimate(requirements: Sequence[Requirement]) -> list[Estimate]:
    """Each requirement judged by its words; the same words are always judged alike."""
    return [_judge(requirement) for requirement in requirements]


def figures_in(text: str) -> list[str]:
    """The numbers of a text with the unit behind them, as typed."""
    return [found.group().strip(" .,:") for found in _FIGURE.finditer(text)]


def _judge(requirement: Requirement) -> Estimate:
    wanted = not _NOT_WANTED.match(requirement.text)
    parts = tuple(part for pattern, part in _COMPILED if wanted and pattern.search(requirement.text))
    points = sum(part.weight for part in parts) + len(requirement.text.split()) // _WORDS_A_POINT
    effort = "L" if points >= _LARGE else "M" if points >= _MEDIUM else "S"
    return Estimate(requirement, parts, effort)
