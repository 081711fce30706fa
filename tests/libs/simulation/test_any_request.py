"""What holds for every request: it is understood or refused, and what is understood can be played."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.blackjack.basic_strategy import basic_tables
from libs.blackjack.configuration import RANKS, Casino
from libs.blackjack.defaults import DEFAULTS
from libs.blackjack.engine import simulate
from libs.blackjack.layout import layout
from libs.blackjack.profiles.casino import FIELDS
from libs.simulation.request import (
    InvalidRequest,
    Profiles,
    SimulationOrder,
    UserProfile,
    check_profile,
    prepare,
    request_of,
)

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Anything at all, with names that mean something mixed in
NAMES = sorted(
    {field.name for field in FIELDS}
    | {name for field in FIELDS for name in (*field.synonyms, *field.opposites)}
    | {name for profiles in DEFAULTS.values() for name in profiles}
    | {
        "casino",
        "players",
        "num_rounds",
        "profile",
        "parent",
        "playing_strategy",
        "betting_strategy",
        "counting_strategy",
    }
    | {
        "strategy",
        "hard",
        "soft",
        "pairs",
        "index_plays",
        "bet_ramp",
        "min_bet",
        "bet_unit",
        "count_values",
        "bankroll",
    }
    | {"a", "b", "base", "axes", "path", "values", "/casino/DAS", "/players/0/bankroll", "name", "mode", "sessions"}
    | {"-Infinity", "16", "A,A", "A", "10", "H", "D", "2", "profiles", "data", "profile_type", "seed", "blocks"}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-13, 13)
    | st.just(10**400)
    | st.floats()
    | st.sampled_from(NAMES)
    | st.text(max_size=5)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=30,
)


@given(st.sampled_from(["simulation", "comparison", "sweep"]), JSON)
@FEW
def test_nothing_is_raised_but_a_refusal(kind: str, request: Any) -> None:
    try:
        prepare(kind, request, Profiles(), 1)
    except InvalidRequest as refused:
        assert refused.problems


@given(JSON, JSON, JSON)
@FEW
def test_nothing_inside_a_table_raises_but_a_refusal(casino: Any, players: Any, axes: Any) -> None:
    table = {"casino": casino, "players": players}
    requests: dict[str, Any] = {
        "simulation": table,
        "comparison": {"a": table, "b": table},
        "sweep": {"base": table, "axes": axes},
    }
    for kind, request in requests.items():
        try:
            prepare(kind, {"num_rounds": 1} | request, Profiles(), 1)
        except InvalidRequest as refused:
            assert refused.problems


@given(st.sampled_from([*DEFAULTS]), JSON)
@FEW
def test_a_kept_profile_of_any_content_hurts_nobody(profile_type: Any, data: Any) -> None:
    known = Profiles([UserProfile(profile_type, "odd", data)])
    for name in ("odd", "other"):
        try:
            check_profile(profile_type, {"parent": name}, known)
        except InvalidRequest as refused:
            assert {problem.pointer for problem in refused.problems} <= {"", "/parent"}


@given(JSON)
@FEW
def test_every_place_of_a_problem_exists_in_what_was_sent(casino: Any) -> None:
    request = {"num_rounds": 1, "casino": casino}
    try:
        prepare("simulation", request, Profiles(), 1)
    except InvalidRequest as refused:
        for problem in refused.problems:
            here: Any = request
            for token in problem.pointer.split("/")[1:]:
                token = token.replace("~1", "/").replace("~0", "~")
                here = here[int(token)] if isinstance(here, list) else here[token]


# Requests as people write them, of every rule, spelled in every way

NUMBERS = {
    "deck_count": [1, 2, 3, 6, 8, "infinite", 4.0],
    "reshuffle_penetration": [0.01, 0.5, 75, 0.999, 33.3],
    "blackjack_payout": ["3:2", "6:5", 1, 2.0, "7:5", 1.05],
    "allow_resplit_to_hands": [1, 2, 3, 4],
}


@st.composite
def casinos(draw: st.DrawFn) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for field in FIELDS:
        if field.name in {"name", "description", "parent"} or draw(st.booleans()):
            continue
        name = draw(st.sampled_from((field.name, *field.synonyms, *field.opposites)))
        if field.type == "boolean":
            written[name] = draw(st.booleans())
        elif field.name in NUMBERS:
            written[name] = draw(st.sampled_from(NUMBERS[field.name]))
        else:
            written[name] = draw(st.sampled_from(field.choices))
    if draw(st.booleans()):
        written["parent"] = draw(st.sampled_from(sorted(DEFAULTS["casino"])))
    return written


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    def action(table: str, was: str) -> str:
        if draw(st.integers(0, 60)):
            return was
        return draw(st.sampled_from("HSRuP" if table == "pairs" else "HSRu"))

    safe = basic_tables(Casino(double_down_restrictions="none"))
    return {
        table: {row: {rank: action(table, was) for rank, was in cells.items()} for row, cells in rows.items()}
        for table, rows in safe.items()
    }


@st.composite
def ramps(draw: st.DrawFn) -> dict[str, Any]:
    counts = draw(st.lists(st.integers(-12, 12), max_size=5, unique=True))
    bets = {str(count): draw(st.integers(1, 30)) for count in counts} | {"-Infinity": draw(st.integers(1, 3))}
    unit = draw(st.sampled_from([{}, {"bet_unit": "units"}, {"bet_unit": "money"}]))
    least = draw(st.sampled_from([1, 0.5, 25] if unit.get("bet_unit") != "money" else [1, 0.5]))
    return {"min_bet": least, "num_hands": draw(st.integers(1, 2)), "bet_ramp": bets} | unit


@st.composite
def counts(draw: st.DrawFn) -> dict[str, Any]:
    values = {rank: draw(st.integers(-8, 8)) / 4 for rank in RANKS}
    return {
        "count_values": values,
        "true_count_method": draw(st.sampled_from(["floor", "truncate", "round"])),
        "deck_estimation": draw(st.sampled_from(["exact", "half", "full"])),
        "decision_count_type": draw(st.sampled_from(["true", "running"])),
        "initial_running_count_per_deck": draw(st.integers(-8, 8)) / 2,
    }


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    def player() -> Any:
        parts = {
            "playing_strategy": st.sampled_from(["basic", "basic_i18"]) | tables(),
            "betting_strategy": st.sampled_from(["flat", "spread_1_12"]) | ramps(),
            "counting_strategy": st.sampled_from(sorted(DEFAULTS["counting_system"])) | counts(),
            "bankroll": st.integers(50, 10**6),
        }
        return {name: draw(part) for name, part in parts.items() if draw(st.booleans())}

    request: dict[str, Any] = {"casino": draw(casinos()), "num_rounds": 1}
    request["players"] = [player() for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        request |= {"mode": "sessions", "session_rounds": draw(st.sampled_from([1, 50, 100_000]))}
        request |= draw(st.sampled_from([{}, {"win_goal": 2_000_000}]))
    return request


def accepted(request: dict[str, Any]) -> SimulationOrder | None:
    try:
        order = prepare("simulation", request, Profiles(), 1)
    except InvalidRequest as refused:
        # What goes wrong by chance here is two names of one field, too many hands, or a bankroll too small
        for problem in refused.problems:
            assert any(words in problem.detail for words in ("contradicts", "hands in all", "A bankroll of at")), (
                problem
            )
        return None
    assert isinstance(order, SimulationOrder)
    return order


@given(requests())
@FEW
def test_normalising_twice_is_normalising_once(request: dict[str, Any]) -> None:
    order = accepted(request)
    if order is not None:
        again = prepare("simulation", request_of(order), Profiles(), 2)
        assert isinstance(again, SimulationOrder)
        assert (again.configuration, again.run) == (order.configuration, order.run)
        assert {note for note in again.notes if "was read" in note.detail} == set()


@given(requests())
@FEW
def test_what_is_accepted_can_be_laid_out_for_the_engine(request: dict[str, Any]) -> None:
    order = accepted(request)
    if order is not None:
        layout(order.configuration)


@given(requests())
@settings(max_examples=25, deadline=None)
def test_what_is_accepted_can_be_played(request: dict[str, Any]) -> None:
    order = accepted(request | ({"session_rounds": 20} if "mode" in request else {}))
    if order is not None:
        assert simulate([order.configuration], order.run.seed, 0, 2).blocks == 2


@given(requests())
@FEW
def test_the_order_of_what_is_written_makes_no_difference(request: dict[str, Any]) -> None:
    order = accepted(request)
    shuffled = accepted(json.loads(json.dumps(request, sort_keys=True)))
    assert (order and order.configuration) == (shuffled and shuffled.configuration)
