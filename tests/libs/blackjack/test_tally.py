"""Tallies: merging, bytes and digests."""

from __future__ import annotations

import json
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.blackjack.tally import CountRow, PlayerTally, SessionTally, TableTally, Tally, decode, digest, encode, merge

NUMBERS = st.integers(-(2**90), 2**90)
COUNTS = st.integers(0, 2**60)


@st.composite
def rows(draw: st.DrawFn) -> tuple[CountRow, ...]:
    results = st.dictionaries(st.integers(-100, 100), st.integers(1, 2**60), min_size=1, max_size=4)
    found = draw(st.dictionaries(st.integers(-12, 12), results, max_size=4))
    return tuple(
        CountRow(count=count, rounds=sum(found[count].values()), results=found[count], wagered=draw(COUNTS))
        for count in sorted(found)
    )


def players(*, sessions: bool) -> st.SearchStrategy[PlayerTally]:
    return st.builds(
        PlayerTally,
        rows=rows(),
        outcomes=st.tuples(*[COUNTS] * 4),
        insurance_won=COUNTS,
        insurance_lost=COUNTS,
        initial=COUNTS,
        wagered=COUNTS,
        net=NUMBERS,
        net_squares=NUMBERS,
        sessions=st.builds(
            SessionTally,
            sessions=COUNTS,
            ruined=COUNTS,
            goals=COUNTS,
            rounds_to_ruin=COUNTS,
            checkpoints=st.just((5, 10)),
            bankroll_low=st.just(7),
            bankroll_span=st.just(600),
            paths=st.tuples(st.tuples(COUNTS, COUNTS), st.tuples(COUNTS, COUNTS)),
            final=NUMBERS,
            final_squares=NUMBERS,
        )
        if sessions
        else st.none(),
    )


def tallies(*, sessions: bool = True) -> st.SearchStrategy[Tally]:
    player = players(sessions=sessions)
    table = st.builds(TableTally, rounds=COUNTS, dealer=st.tuples(*[COUNTS] * 8), players=st.tuples(player, player))
    return st.builds(
        Tally, first_block=COUNTS, blocks=COUNTS, tables=st.tuples(table), moments=st.tuples(*[NUMBERS] * 3)
    )


@given(parts=st.lists(tallies(), min_size=1, max_size=5), order=st.randoms())
def test_the_order_of_merging_does_not_matter(parts: list[Tally], order: random.Random) -> None:
    shuffled = list(parts)
    order.shuffle(shuffled)
    assert encode(merge(shuffled)) == encode(merge(parts))


@given(parts=st.lists(tallies(), min_size=2, max_size=5), data=st.data())
def test_merging_merged_parts_gives_the_same(parts: list[Tally], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(parts) - 1))
    assert encode(merge([merge(parts[:cut]), merge(parts[cut:])])) == encode(merge(parts))


@given(tally=tallies())
def test_merging_one_tally_changes_nothing(tally: Tally) -> None:
    assert merge([tally]) == tally


@given(tally=tallies())
def test_what_was_encoded_is_decoded_exactly(tally: Tally) -> None:
    assert decode(encode(tally)) == tally


@given(tally=tallies())
def test_readers_that_know_only_floats_lose_nothing(tally: Tally) -> None:
    def numbers(value: object) -> list[int]:
        match value:
            case dict():
                return [number for inner in value.values() for number in numbers(inner)]
            case list():
                return [number for inner in value for number in numbers(inner)]
            case int():
                return [value]
            case _:
                return []

    assert all(abs(number) <= 2**53 for number in numbers(json.loads(encode(tally))))


@given(one=tallies(), other=tallies())
def test_digests_are_equal_where_tallies_are(one: Tally, other: Tally) -> None:
    assert (digest(one) == digest(other)) == (one == other)
    assert len(digest(one)) == 64


def test_the_order_of_results_makes_no_other_bytes() -> None:
    one, other = (
        CountRow(count=0, rounds=3, results=results, wagered=0) for results in ({-20: 1, 20: 2}, {20: 2, -20: 1})
    )
    player = PlayerTally(
        rows=(one,), outcomes=(), insurance_won=0, insurance_lost=0, initial=0, wagered=0, net=0, net_squares=0
    )
    table = TableTally(rounds=3, dealer=(), players=(player,))
    tally = Tally(first_block=0, blocks=1, tables=(table,), moments=())
    turned = msgspec.structs.replace(
        tally, tables=(msgspec.structs.replace(table, players=(msgspec.structs.replace(player, rows=(other,)),)),)
    )
    assert encode(turned) == encode(tally)


def test_nothing_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="nothing to merge"):
        merge([])


@given(one=tallies(), other=tallies(sessions=False))
def test_sessions_and_endless_play_cannot_be_merged(one: Tally, other: Tally) -> None:
    with pytest.raises(ValueError, match="endless"):
        merge([one, other])


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"blocks":"x"}', b'{"blocks":1,"first_block":1,"tables":[{}],"moments":[]}']
)
def test_what_is_no_tally_is_not_decoded(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(Expect|Invalid|Object|invalid)"):
        decode(data)
