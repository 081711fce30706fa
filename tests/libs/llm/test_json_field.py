"""The streamed field equals the decoded one, however the JSON is cut."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from libs.llm.json_field import StringFieldReader

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.text(st.characters(codec="utf-8")) | st.sampled_from(["reply", "re\\ply", 'reply"'])


def pieces(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def read(parts: list[str], field: str = "reply") -> str:
    reader = StringFieldReader(field)
    return "".join(reader.feed(part) for part in parts)


@given(
    st.dictionaries(keys, values, max_size=3),
    st.text(st.characters(codec="utf-8")),
    st.booleans(),
    st.sampled_from([None, 2]),
    st.lists(st.integers(0, 10_000), max_size=12),
)
def test_any_cut_of_any_object_gives_the_field(
    others: dict[str, object], reply: str, ascii_only: bool, indent: int | None, cuts: list[int]
) -> None:
    text = json.dumps(others | {"reply": reply}, ensure_ascii=ascii_only, indent=indent)
    assert read(pieces(text, cuts)) == reply


@given(st.text(st.characters(codec="utf-8")))
def test_one_character_at_a_time_gives_the_field(reply: str) -> None:
    assert read(list(json.dumps({"a": [1, {"reply": "inner"}], "reply": reply, "b": 2}))) == reply


@given(st.text(max_size=200), st.lists(st.integers(0, 10_000), max_size=5))
def test_no_text_makes_it_raise(text: str, cuts: list[int]) -> None:
    read(pieces(text, cuts))


def test_text_is_given_as_soon_as_it_is_known() -> None:
    reader = StringFieldReader("reply")
    assert [reader.feed(part) for part in ('{"reply": "Hel', "lo\\", "n", "wor\\ud83d", '\\ude00ld"', ', "x": 1}')] == [
        "Hel",
        "lo",
        "\n",
        "wor",
        "\U0001f600ld",
        "",
    ]


def test_a_lone_surrogate_becomes_the_replacement_mark() -> None:
    assert read(['{"reply": "a\\ud83dx\\ude00y\\ud83d"}']) == "a\ufffdx\ufffdy\ufffd"


def test_every_escape_is_decoded() -> None:
    assert read(['{"reply": "\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"}']) == '"\\/\b\f\n\r\té'


def test_only_the_top_level_field_counts() -> None:
    assert read(['{"a": {"reply": "no"}, "b": [{"reply": "no"}], "reply": "yes"}']) == "yes"


def test_a_field_that_is_no_string_gives_nothing() -> None:
    assert read(['{"reply": 12, "x": "y"}']) == ""


def test_words_before_the_object_are_skipped() -> None:
    assert read(['```json\n{"reply": "yes"}\n```']) == "yes"
