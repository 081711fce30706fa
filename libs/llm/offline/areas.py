"""Which area of the requirements a statement is about, by the words people use for it, and what an idea gives in passing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

__all__ = [
    "PROBED",
    "Area",
    "area_of",
    "begins_with_action",
    "given_in_passing",
    "label_of",
    "names",
    "weights_of",
    "without_label",
]


class Area(StrEnum):
    """The sections of the summary, by title."""

    IDEA = "Idea"
    PROBLEM = "Problem"
    AUDIENCE = "Audience"
    FEATURES = "Features"
    SUCCESS = "Success measures"
    CONSTRAINTS = "Constraints"
    OTHER = "Other"


PROBED = (Area.PROBLEM, Area.AUDIENCE, Area.FEATURES, Area.SUCCESS)
"""The areas that are asked about, in order."""


def _cue(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_MONTH = (
    "january|february|march|april|may|june|july|august|september|october|november|december|"
    "januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|mars|avril|juin|juillet|août|"
    "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
_VERBS = (
    "track|log|record|show|list|search|find|filter|sort|book|reserve|schedule|plan|remind|notify|alert|send|share|"
    "upload|download|export|import|print|scan|pay|invoice|bill|order|buy|sell|rent|swap|trade|match|rate|review|comment|"
    "chat|message|call|translate|learn|practi[sc]e|teach|play|score|compare|calculate|estimate|predict|recommend|suggest|"
    "generate|create|edit|manage|organi[sz]e|store|save|sync|connect|integrate|monitor|measure|analy[sz]e|visuali[sz]e|"
    "report|collect|split|sign|approve|assign|invite|check|warn|detect|summari[sz]e|keep|identify|browse|subscribe|"
    "donate|vote|draw|draft|write|read|listen|watch|stream|count|water|feed|tell|help|let|add|set|get|see|view|use"
)
_THINGS = (
    "dashboards?|reports?|notifications?|reminders?|calendar|maps?|chat|search|login|logins|accounts?|profiles?|"
    "export|import|offline mode|dark mode|qr|barcodes?|photos?|uploads?|payments?|invoices?|checklists?|statistics|charts?"
)
_PEOPLE = (
    "people|users?|customers?|clients?|members?|everyone|everybody|anyone|students?|pupils?|kids|children|parents?|"
    "families|family|seniors?|patients?|nurses|doctors|physicians|staff|teams?|employees|colleagues|residents|citizens|"
    "tenants|landlords|neighbou?rs?|friends|couples|roommates|flatmates|guests|visitors|tourists|volunteers|"
    "restaurants?|cafes|cafés|shops?|stores|schools?|universities|clinics?|hospitals?|companies|businesses|startups|"
    "nonprofits|ngos|charities|clubs?|communities|community|cooperatives?|municipalities|cit(?:y|ies)|vets|chefs|cooks|"
    "athletes|pilots|captains|fans|guides|moms|dads|mothers|fathers|women|men|adults|beginners|musicians|bands|choirs?|"
    "nomads|expats|refugees|freelancers|accountants|agents|assistants|clerks|consultants|merchants|apprentices|nannies|diabetics|vegans|vegetarians|"
    "crews?|households?|mechanics|crafts(?:men|people)|tradespeople|sales(?:people|men)|hobbyists|collectors"
)
_NOT_PEOPLE = _cue(
    "orders|numbers|papers|reminders|filters|timers|computers|offers|letters|stickers|vouchers|servers|posters|containers|"
    "trackers|others|matters|chapters|folders|drawers|counters|sensors|printers|powers|vectors|errors|colou?rs|monitors|"
    "factors|doors|floors|mirrors|synthesi[sz]ers|trailers|scooters|motors|tractors|heaters|boilers|freezers|dryers|routers|"
    "adapters|chargers|toasters|mowers|scanners|cookers|mixers|flowers|dinners|layers|covers|answers|flyers|banners"
)
_AGENT_NOUN = re.compile(r"[^\W\d_]{3,}(?:ers|ors|ists|ians|eers|enthusiasts|owners)", re.IGNORECASE)
_PERSON = re.compile(rf"(?:{_PEOPLE})", re.IGNORECASE)


_STRONG = {
    Area.PROBLEM: _cue(
        r"\b(?:problems?|pain(?:ful)?|struggl\w+|frustrat\w+|annoy\w+|hassle|wast(?:e|es|ed|ing)|"
        r"los(?:e|es|ing|t) (?:track|time|money|customers|orders|\d+ (?:hours|minutes|days))|"
        r"(?:too|so) (?:slow|hard|long|expensive|complicated|many|much)|takes? (?:too long|forever|hours|ages)|"
        r"hard to|difficult(?: to)?|impossible to|no (?:good |easy )?way (?:to|of)|forget\w*|forgot\w*|error-prone|mix(?:es|ed|ing)? up|"
        r"never know|nobody knows?|no-shows?|by hand|mess(?:y)?|chaos|confus\w+|(?:do not|don't|cannot|can't) (?:know|find|keep)|"
        r"verlier\w+|vergess\w+|umständlich|perd(?:re|ons|ent|ez|emos|en)|oubli\w+|olvid\w+|perdemos)\b"
    ),
    Area.AUDIENCE: _cue(
        r"\b(?:audience|aimed at|intended for|(?:target(?:ed)?|primary|main) (?:at|audience|users?|groups?|customers?)|"
        r"used by|(?:the |our |its |main )users? (?:is|are|will|would)|who (?:will )?uses? it|will be used by|(?:age[ds]?|between) \d+|years? old|"
        r"zielgruppe|nutzer sind|public cible|les utilisateurs sont|público objetivo|los usuarios son)\b"
    ),
    Area.FEATURES: _cue(
        r"\b(?:features?|functionality|should (?:be able to|have|let|allow|show|send|include)|must (?:have|let|allow|show|send)|"
        r"(?:users?|people|they|we|i|you|members|customers) (?:can|could|should|must|need to|want to|will be able to)|"
        r"needs? to (?:have|be able to|show|send|let)|funktion(?:en)?|fonctionnalit\w+|funcion(?:es|alidades))\b"
    ),
    Area.SUCCESS: _cue(
        r"\b(?:success(?:ful)?|succeed\w*|kpis?|metrics?|measured? (?:by|success)|we(?:'ll| will) know|"
        r"(?:the |our |my )?(?:goals?|targets?) (?:is|are|of|for)|erfolg\w*|succès|réussi\w*|éxito)\b"
        r"|\b(?:reduc\w+|cut(?:ting|s)?|increas\w+|rais\w+|grow\w*|drop\w*|fall\w*)\b.{0,50}"
        r"\b(?:by|to|from|below|above|under|over)\b.{0,20}(?:\d|half|a third)"
        r"|\bin the first (?:day|week|month|quarter|year)\b"
    ),
    Area.CONSTRAINTS: _cue(
        r"\b(?:constraints?|(?:our|my|the|total) budget|deadline|gdpr|dsgvo|rgpd|hipaa|wcag|compl(?:y|iant|iance)|regulat\w+|self-hosted|"
        r"on-prem\w*|must not|may not|not allowed|without (?:internet|cloud|ads|an? account)|no (?:cloud|ads|tracking|internet)|"
        r"(?:must|should|has to|needs to) (?:run|work) (?:on|in|with|offline|without)|works? offline|open source|"
        r"(?:launch|go live|be ready|be finished|be done|be delivered)\b.{0,20} (?:by|before|in)|kosten|presupuesto)\b"
        r"|^(?:we|i) (?:do not|don't|dont) (?:want|need)\b(?! to)"
        r"|\bbudget(?: is| of|:)? ?[$€£¥\d]"
        r"|\b(?:under|below|at most|no more than|up to|maximum of) (?:[$€£¥] ?\d|\d[\d.,]* ?(?:[$€£¥]|euros?|dollars?|eur|usd|chf)\b)"
    ),
}
_WEAK = {
    Area.PROBLEM: _cue(
        r"\b(?:because|currently|today|right now|at the moment|manually|spreadsheets?|whatsapp groups?|paper|late|miss(?:ed|ing)?|"
        r"can't|cannot|never|nobody|always|instead of|too|expensive|slow|weil|zurzeit|parce que|actuellement|porque|actualmente)\b"
    ),
    Area.AUDIENCE: _cue(rf"\b(?:{_PEOPLE})\b"),
    Area.FEATURES: _cue(
        rf"\b(?:with|should|must|can|could|lets?|allows?|enables?|supports?|includ(?:es?|ing)|automatic(?:ally)?|{_THINGS})\b"
        rf"|^(?:and |also |then )?(?:a |an |the )?(?:{_VERBS})\b"
    ),
    Area.SUCCESS: _cue(
        r"\b(?:goals?|targets?|within|retention|revenue|sign-?ups|adoption|per (?:day|week|month)|satisf\w+|rating|happy|active)\b"
        r"|\d+ ?%|\b\d+ (?:paying|active|daily|weekly|monthly|new|registered)\b"
        r"|\b(?:at least|fewer than|less than|more than) \d"
    ),
    Area.CONSTRAINTS: _cue(
        r"\b(?:ios|iphones?|android|windows|linux|macos|browsers?|web only|offline|privacy|legal|python|existing|languages?|"
        r"german|english|french|spanish|only|no more than|at most|maximum)\b"
        rf"|\b(?:by|before|until|bis|avant|antes de) (?:the end of |mid-?|end of |ende )?(?:{_MONTH}|q[1-4]|\d{{4}})\b"
    ),
}
_NAMED = {
    Area.PROBLEM: _cue(r"\bthe (?:main |real )?(?:problem|trouble|pain|issue) (?:is|was|here)\b"),
    Area.AUDIENCE: _cue(r"\b(?:the |our |my )?(?:target )?(?:audience|users) (?:is|are|will be)\b|^it(?:'s| is) for\b"),
    Area.FEATURES: _cue(r"\b(?:features? (?:is|are)|should be able to)\b"),
    Area.SUCCESS: _cue(r"\b(?:success (?:is|means|would|if|when)|kpis?|success metrics?)\b"),
    Area.CONSTRAINTS: _cue(
        r"\b(?:(?:the|our|my) (?:budget|deadline)|budget (?:is|of)|gdpr|hipaa)\b|^(?:we|i) (?:do not|don't|dont) (?:want|need)\b(?! to)"
    ),
}
_LABELS = {
    Area.IDEA: "idea|app|product|vision|idee|idée",
    Area.PROBLEM: "problem|problems|pain points?|why|background|problemstellung|problème|problema",
    Area.AUDIENCE: "audience|target audience|target users?|users?|who|customers?|zielgruppe|nutzer|public|utilisateurs|público|usuarios",
    Area.FEATURES: "features?|functions?|functionality|functional requirements|must[- ]haves?|nice[- ]to[- ]haves?|"
    "requirements|what|scope|funktionen|fonctionnalités|funciones|características",
    Area.SUCCESS: "success|success (?:measures?|metrics?|criteria)|metrics|kpis?|goals?|measures?|targets?|"
    "erfolg|erfolgskriterien|ziele|succès|objectifs|éxito|objetivos",
    Area.CONSTRAINTS: "constraints?|budget|deadline|timeline|platforms?|tech(?:nology)?(?: stack)?|limits|compliance|"
    "non-functional requirements|rahmenbedingungen|contraintes|restricciones|presupuesto",
    Area.OTHER: "other|notes?|misc|sonstiges|autres?|otros?",
}
_LABEL = [
    (
        area,
        _cue(
            rf"^[#*_\s]*(?:the |our |my |main |key )?(?:{words})[*_]*\s*(?::[*_]*|\s[-–—]\s|[*_#\s]*$)\s*(?P<rest>.*)$"
        ),
    )
    for area, words in _LABELS.items()
]


_MERE_LABEL = _cue(
    r"^[#*_\s]*(?:the |our |my |main |key )?(?:idea|idee|idée|problems?|problemstellung|problème|problema|(?:target )?audience|"
    r"zielgruppe|features?|funktionen|fonctionnalités|funciones|success(?: (?:measures?|metrics?|criteria))?|"
    r"erfolg(?:skriterien)?|succès|éxito|constraints?)[*_]*\s*:[*_]*\s*(?P<rest>.*\w.*)$"
)


def label_of(statement: str) -> tuple[Area, bool] | None:
    """The area a statement names as its heading ("Users: nurses", "## Features"), and whether it says more than that."""
    for area, pattern in _LABEL:
        if found := pattern.match(statement):
            says_more = any(char.isalnum() for char in found["rest"])
            if says_more or statement.rstrip().endswith((":", "*", "#")) or statement.startswith(("#", "*")):
                return area, says_more
    return None


def without_label(statement: str) -> str:
    """The statement without a label that only says which area it belongs to; one that says more ("Budget:") stays."""
    found = _MERE_LABEL.match(statement)
    return found["rest"].strip() if found and label_of(statement) else statement


def begins_with_action(phrase: str) -> bool:
    """Whether the phrase is something an app does ("send a reminder")."""
    return bool(_ACTION.match(phrase))


def weights_of(statement: str) -> dict[Area, int]:
    """How strongly the statement's words speak for each area; 0 means not at all, 2 and more is plain."""
    return {
        area: 2 * len(_STRONG[area].findall(statement)[:2]) + min(1, len(_WEAK[area].findall(statement)))
        for area in _STRONG
    }


def area_of(statement: str, asked: Sequence[Area], *, default: Area, least: int = 1) -> Area:
    """Where a statement belongs: by its words where they weigh at least so much (what was asked first, where two areas
    weigh the same), else `default`."""
    weights = weights_of(statement)
    best = max(weights, key=lambda area: (weights[area], area in asked))
    return best if weights[best] >= least else default


def names(statement: str) -> Area | None:
    """The area a sentence plainly says it is about ("the problem is ...", "our budget ..."); mostly none."""
    return next((area for area, pattern in _NAMED.items() if pattern.search(statement)), None)


_STOP = r"(?=\s*(?:[.,;:!?()\"”]|$|\b(?:that|which|to|so|because|where|when|in order|using|via|by|but|with|without|who want|and (?:helps?|lets?))\b))"
_FOR = _cue(
    r"\b(?:for|aimed at|used by|helps?|helping|lets?|letting|allows?|enables?|connects?|connecting|für|pour|para)\s+"
    rf"(?P<who>[^.;:!?()]{{2,120}}?){_STOP}"
)
_FOR_MANY = _cue(
    r"\b(?:pour (?:les|des|mes|nos)|para (?:los|las|mis|nuestros|nuestras)|für (?=\w*(?:sitter|innen|leute|kunden|kinder|"
    r"eltern|schüler|studenten|patienten|vereine|firmen|gärtner|lehrer|nutzer)\b))\s*(?P<who>[^.,;:!?()]{2,80})"
)
_SEVERAL = re.compile(r", | (?:and|und|et|y|plus|&|2[.)]) ")
_DOES = _cue(
    r"\b(?:(?:that|which|to|can|should|must|will|would|and|where (?:\w+ ){1,3}can|lets? (?:\w+ ){1,4}|helps? (?:\w+ ){1,4})\s+"
    r"(?:also |automatically |then )?)"
    rf"(?P<what>(?:{_VERBS})(?:s|es)?\b(?:(?!,? because )[^.;!?])*)"
)
_WHERE = _cue(r"\bwhere (?P<who>(?:[\w'-]+ ){1,3})")
_WITH_LIST = _cue(r"\bwith (?P<what>[^.;!?]*, [^.;!?]* (?:and|or) [^.;!?]*)")
_WITH = _cue(rf"\b(?:with|including|featuring|features?|plus)\s+(?P<what>[^.;!?]*\b(?:{_THINGS})\b[^.;!?]*)")
_AFTER_COLON = _cue(r":\s+(?P<what>[^.;!?:]+(?:,| 2[.)])[^;!?]+)$")
_ACTION = _cue(rf"(?:{_VERBS})\b")
_OURSELVES = _cue(r"^(?:i|we) (?:run|own|work (?:at|for|in))\b|^(?:i am|i'm|we are|we're) an? ")
_POINT = re.compile(r"\.(?=\w)")
_POINT_MARK = "\ue000"
"""Stands for a point inside a number or name ("4.5", "v2.1") while phrases are cut at those that end a sentence."""
_BECAUSE = _cue(r"\bbecause\s+(?P<why>[^.;!?]+)")


def given_in_passing(statement: str) -> Iterator[tuple[Area, str]]:
    """What a sentence about the idea also says about other areas, as phrases of that sentence, word for word."""
    for area, phrase in _given(_POINT.sub(_POINT_MARK, statement)):
        yield area, phrase.replace(_POINT_MARK, ".")


def _given(statement: str) -> Iterator[tuple[Area, str]]:
    who = [_people(found["who"]) for found in _FOR.finditer(statement)]
    who += [found["who"].strip() for found in _FOR_MANY.finditer(statement)]
    who += [_people(found["who"], alone=True) for found in _WHERE.finditer(statement)]
    if people := next(filter(None, who), None):
        yield Area.AUDIENCE, people
    whats = [
        found["what"] for pattern in (_AFTER_COLON, _DOES, _WITH, _WITH_LIST) if (found := pattern.search(statement))
    ]
    if _OURSELVES.match(statement):
        whats = []  # what is listed is theirs, not what the app does
    if several := next(filter(_SEVERAL.search, whats), None):  # a single action is hardly the whole list
        yield Area.FEATURES, several.strip(" ,")
    weights = weights_of(statement)
    because = _BECAUSE.search(statement)
    if weights[Area.PROBLEM] >= (1 if because else 2):
        yield Area.PROBLEM, because["why"].strip(" ,") if because else statement
    for area in (Area.SUCCESS, Area.CONSTRAINTS):
        if weights[area] >= 2:
            yield area, statement


def _people(phrase: str, *, alone: bool = False) -> str | None:
    """The phrase with its word for people; None where there is none. What follows them belongs to it, up to a verb,
    unless it is wanted `alone`."""
    words = list(re.finditer(r"[^\W_]+(?:['’-][^\W_]+)*", phrase))
    last = None
    for index, word in enumerate(words):
        plain = word.group().casefold()
        if _PERSON.fullmatch(plain) or (_AGENT_NOUN.fullmatch(plain) and not _NOT_PEOPLE.fullmatch(plain)):
            last = index
    if last is None:
        return None
    end = words[last].end()
    if not alone and last + 1 < len(words) and not re.fullmatch(_VERBS, words[last + 1].group(), re.IGNORECASE):
        end = len(phrase)
    return phrase[:end].strip(" ,")
