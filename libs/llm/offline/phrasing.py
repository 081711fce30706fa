"""The sentences the offline Client Relations agent speaks, in the languages it can tell apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from libs.llm.offline.areas import Area

__all__ = ["PHRASES", "Phrases", "asked_in", "language_of"]


class Phrases(msgspec.Struct, frozen=True):
    """One language's sentences; `{said}` stands for the person's own words."""

    introduction: str
    acknowledgements: tuple[str, ...]
    skipped: str
    questions: Mapping[Area, tuple[str, str]]
    """For each area the question, and how it is put a second time."""
    explanations: Mapping[Area, str]
    also: str
    """Joins a second question."""
    fixed: str
    """Asked along with the last question where no constraint is known."""
    thanks: str
    enough: str
    left_open: str
    limit: str
    foreign: str = ""


_ENGLISH = Phrases(
    introduction="(I am jobstream's built-in offline model; set OPENAI_BASE_URL to talk to another one.)",
    acknowledgements=(
        "Noted: “{said}”.",
        "Understood: “{said}”.",
        "Thank you - “{said}”, I have that.",
        "Got it: “{said}”.",
    ),
    skipped="No problem, that stays open.",
    questions={
        Area.PROBLEM: (
            "What problem should this solve - what goes wrong today?",
            "What is the trouble today that made you think of this?",
        ),
        Area.AUDIENCE: ("Who is it for - who will use it?", "Which people would use it day to day?"),
        Area.FEATURES: (
            "What should people be able to do with it - which features matter most?",
            "Which two or three things must it be able to do?",
        ),
        Area.SUCCESS: (
            "How will you know that it is a success - what would you measure?",
            "Which number or change would tell you that it works?",
        ),
    },
    explanations={
        Area.PROBLEM: "I mean what is hard, slow or missing for people now, so that the app is built to change it.",
        Area.AUDIENCE: "I mean the people who will open it: their job, their situation, how many they are.",
        Area.FEATURES: "I mean the actions the app offers: what somebody sees, enters or gets from it.",
        Area.SUCCESS: "I mean something one can check later: a number, a date, a change people notice.",
    },
    also="And:",
    fixed="And is anything fixed already, such as budget, date or platform?",
    thanks="Thank you, that is everything I need. These are your requirements, in your own words.",
    enough="All right, I stop asking. These are your requirements so far, in your own words.",
    left_open="Still open: {areas}.",
    limit="We have reached the end of our talk, so I sum up. These are your requirements, in your own words.",
    foreign="(You may answer in your own language: I keep your words as they are.)",
)

_GERMAN = Phrases(
    introduction="(Ich bin das eingebaute Offline-Modell von jobstream; OPENAI_BASE_URL wählt ein anderes.)",
    acknowledgements=("Notiert: „{said}“.", "Verstanden: „{said}“.", "Danke - „{said}“, das habe ich."),
    skipped="Kein Problem, das bleibt offen.",
    questions={
        Area.PROBLEM: (
            "Welches Problem soll das lösen - was läuft heute schief?",
            "Welcher Ärger brachte dich auf die Idee?",
        ),
        Area.AUDIENCE: ("Für wen ist es - wer wird es benutzen?", "Welche Leute würden es im Alltag benutzen?"),
        Area.FEATURES: (
            "Was sollen die Leute damit tun können - welche Funktionen sind am wichtigsten?",
            "Welche zwei oder drei Dinge muss es können?",
        ),
        Area.SUCCESS: (
            "Woran erkennst du den Erfolg - was würdest du messen?",
            "Welche Zahl würde zeigen, dass es wirkt?",
        ),
    },
    explanations={
        Area.PROBLEM: "Ich meine, was heute schwer, langsam oder unmöglich ist.",
        Area.AUDIENCE: "Ich meine die Menschen, die es öffnen: ihr Beruf, ihre Lage, wie viele es sind.",
        Area.FEATURES: "Ich meine, was jemand darin sieht, eingibt oder bekommt.",
        Area.SUCCESS: "Ich meine etwas, das man später prüfen kann: eine Zahl, ein Datum, eine Veränderung.",
    },
    also="Und:",
    fixed="Und steht schon etwas fest, etwa Budget, Termin oder Plattform?",
    thanks="Danke, mehr brauche ich nicht. Das sind die Anforderungen in deinen eigenen Worten.",
    enough="Gut, ich frage nicht weiter. Das sind die bisherigen Anforderungen in deinen eigenen Worten.",
    left_open="Noch offen: {areas}.",
    limit="Unser Gespräch ist am Ende, ich fasse zusammen. Das sind die Anforderungen in deinen eigenen Worten.",
)

_FRENCH = Phrases(
    introduction="(Je suis le modèle hors ligne intégré de jobstream ; OPENAI_BASE_URL en choisit un autre.)",
    acknowledgements=("C'est noté : « {said} ».", "Compris : « {said} ».", "Merci - « {said} », je l'ai."),
    skipped="Pas de souci, cela reste ouvert.",
    questions={
        Area.PROBLEM: (
            "Quel problème faut-il résoudre - qu'est-ce qui ne va pas aujourd'hui ?",
            "Quelle difficulté t'a donné l'idée ?",
        ),
        Area.AUDIENCE: ("Pour qui est-ce - qui va l'utiliser ?", "Quelles personnes l'utiliseraient au quotidien ?"),
        Area.FEATURES: (
            "Que doit-on pouvoir y faire - quelles fonctions comptent le plus ?",
            "Quelles deux ou trois choses doit-elle savoir faire ?",
        ),
        Area.SUCCESS: ("À quoi verras-tu le succès - que mesurerais-tu ?", "Quel chiffre montrerait que cela marche ?"),
    },
    explanations={
        Area.PROBLEM: "Je parle de ce qui est difficile, lent ou impossible aujourd'hui.",
        Area.AUDIENCE: "Je parle des personnes qui l'ouvriront : leur métier, leur situation, leur nombre.",
        Area.FEATURES: "Je parle de ce que l'on y voit, saisit ou obtient.",
        Area.SUCCESS: "Je parle de ce que l'on peut vérifier plus tard : un chiffre, une date, un changement.",
    },
    also="Et :",
    fixed="Et y a-t-il déjà quelque chose de fixé, comme le budget, la date ou la plateforme ?",
    thanks="Merci, j'ai tout ce qu'il faut. Voici les exigences, dans tes propres mots.",
    enough="Très bien, j'arrête de demander. Voici les exigences, dans tes propres mots.",
    left_open="Reste ouvert : {areas}.",
    limit="Notre échange arrive à sa fin, je résume. Voici les exigences, dans tes propres mots.",
)

_SPANISH = Phrases(
    introduction="(Soy el modelo sin conexión integrado en jobstream; OPENAI_BASE_URL elige otro.)",
    acknowledgements=("Anotado: «{said}».", "Entendido: «{said}».", "Gracias - «{said}», lo tengo."),
    skipped="No pasa nada, queda abierto.",
    questions={
        Area.PROBLEM: ("¿Qué problema debe resolver - qué falla hoy?", "¿Qué dificultad te dio la idea?"),
        Area.AUDIENCE: ("¿Para quién es - quién lo usará?", "¿Qué personas lo usarían cada día?"),
        Area.FEATURES: (
            "¿Qué se debe poder hacer - qué funciones importan más?",
            "¿Qué dos o tres cosas debe saber hacer?",
        ),
        Area.SUCCESS: ("¿Cómo sabrás que es un éxito - qué medirías?", "¿Qué cifra mostraría que funciona?"),
    },
    explanations={
        Area.PROBLEM: "Me refiero a lo que hoy es difícil, lento o imposible.",
        Area.AUDIENCE: "Me refiero a las personas que lo abrirán: su oficio, su situación, cuántas son.",
        Area.FEATURES: "Me refiero a lo que alguien ve, introduce u obtiene.",
        Area.SUCCESS: "Me refiero a algo que se pueda comprobar: una cifra, una fecha, un cambio.",
    },
    also="Y:",
    fixed="¿Y hay algo ya fijado, como presupuesto, fecha o plataforma?",
    thanks="Gracias, es todo lo que necesito. Estos son los requisitos, en tus propias palabras.",
    enough="De acuerdo, no pregunto más. Estos son los requisitos, en tus propias palabras.",
    left_open="Queda abierto: {areas}.",
    limit="Hemos llegado al final, así que resumo. Estos son los requisitos, en tus propias palabras.",
)

PHRASES = {"en": _ENGLISH, "de": _GERMAN, "fr": _FRENCH, "es": _SPANISH}

_STOPWORDS = {
    "en": "the and is are for with a an to of that it we i in on my our who they can should app",
    "de": "der die das und ist sind nicht für mit ein eine einen ich wir soll sollen zu auf den dem im wer sie kann",
    "fr": "le la les des est sont pour avec une je nous qui que dans sur du au et mon notre il elle ne pas",
    "es": "el la los las una para con que es son por un yo nosotros en de y mi nuestra quiero del se como",
}
_WORDS = {language: frozenset(words.split()) for language, words in _STOPWORDS.items()}

_ASKING = {
    Area.PROBLEM: re.compile(r"\b(?:problem|pain point|trouble|goes wrong|struggl)", re.IGNORECASE),
    Area.AUDIENCE: re.compile(
        r"\b(?:who (?:is|are|will|would)|for whom|audience|users?\b|which people)", re.IGNORECASE
    ),
    Area.FEATURES: re.compile(
        r"\b(?:features?|able to do|functionality|what should (?:it|the app|users))", re.IGNORECASE
    ),
    Area.SUCCESS: re.compile(r"\b(?:success|measure|metrics?|how will you know|goals?)\b", re.IGNORECASE),
    Area.CONSTRAINTS: re.compile(r"\b(?:constraints?|budget|deadline|platform)", re.IGNORECASE),
}


def language_of(texts: Iterable[str]) -> str:
    """The language the person writes in: `en`, `de`, `fr`, `es`, or `other` for a script that is none of theirs."""
    words = re.findall(r"[^\W\d_]+", " ".join(texts).casefold())
    letters = "".join(words)
    if letters and sum(1 for letter in letters if ord(letter) > 0x24F) * 2 > len(letters):
        return "other"
    counts = {language: sum(word in known for word in words) for language, known in _WORDS.items()}
    best = max(counts, key=lambda language: (counts[language], language == "en"))
    return best if counts[best] >= 2 and counts[best] > 1.3 * counts["en"] else "en"


def asked_in(message: str) -> list[Area]:
    """The areas an agent's message asks about, in order: by our own questions, else by the words of its questions."""
    own: list[tuple[int, Area]] = []
    for phrases in PHRASES.values():
        for area, questions in phrases.questions.items():
            own += [(message.find(question), area) for question in questions if question in message]
        if phrases.fixed in message:
            own.append((message.find(phrases.fixed), Area.CONSTRAINTS))
    if own:
        return list(dict.fromkeys(area for _, area in sorted(own)))
    asking = " ".join(re.findall(r"[^.!?\n]*\?", message))
    found = [(match.start(), area) for area, cue in _ASKING.items() if (match := cue.search(asking))]
    return [area for _, area in sorted(found)]
