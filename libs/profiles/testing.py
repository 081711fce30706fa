"""Histories for tests: what deciding any sequence of commands makes of a profile, as the log would record it.

`histories` is a Hypothesis strategy of whole valid lives of a profile. They go through `decide` and `evolve`, so they can hold nothing that
could not happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from libs.events.event import Cause, NewEvent, Recorded
from libs.profiles.commands import CreateProfile, DeleteProfile, ProfileCommand, UpdateProfile
from libs.profiles.decide import NoSuchProfile, decide
from libs.profiles.evolve import evolve
from libs.profiles.identity import profile_stream

if TYPE_CHECKING:
    from hypothesis import strategies

    from libs.profiles.events import ProfileEvent
    from libs.profiles.state import Profile

__all__ = ["ProfileLife", "histories"]

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class ProfileLife:
    """A profile being lived: commands go in, recorded events come out. Ids and times follow from its id alone."""

    def __init__(
        self, owner: UUID, profile_type: str = "casino", name: str = "Vegas", *, first_sequence: int = 1
    ) -> None:
        self.stream = profile_stream(owner, profile_type, name)
        self.profile_type = profile_type
        self.name = name
        self.profile: Profile | None = None
        self.history: list[Recorded[ProfileEvent]] = []
        self.now = _EPOCH
        self._sequence = first_sequence
        self._commands = 0

    def create(self, data: Any, *, name: str | None = None) -> Sequence[Recorded[ProfileEvent]]:
        """Create it, or create it again."""
        return self.do(CreateProfile(profile_type=self.profile_type, name=name or self.name, data=data))

    def do(self, command: ProfileCommand, *, seconds: float = 1.0) -> Sequence[Recorded[ProfileEvent]]:
        """Decide a command some time after the last one, and fold what it makes."""
        self._commands += 1
        self.now += timedelta(seconds=seconds)
        command_id = uuid5(self.stream.id, f"command-{self._commands}")
        try:
            events = decide(self.stream, self.profile, command, command_id=command_id, sequence=self._commands)
        except NoSuchProfile:
            return []
        cause = Cause(causation_id=command_id, correlation_id=self.stream.id, command_sequence=self._commands)
        return [self._record(event, cause) for event in events]

    def news(self) -> list[NewEvent[ProfileEvent]]:
        """The history as a store takes it."""
        return [NewEvent(id=each.id, time=each.time, event=each.event, cause=each.cause) for each in self.history]

    def _record(self, event: ProfileEvent, cause: Cause) -> Recorded[ProfileEvent]:
        version = len(self.history) + 1
        recorded: Recorded[ProfileEvent] = Recorded(
            stream=self.stream,
            version=version,
            sequence=self._sequence,
            id=uuid5(self.stream.id, f"event-{version}"),
            type=event.type_name(),
            schema=event.schema,
            time=self.now,
            event=event,
            cause=cause,
        )
        self._sequence += 1
        self.profile = evolve(self.profile, recorded)
        self.history.append(recorded)
        return recorded


def histories(*, commands_max: int = 20) -> strategies.SearchStrategy[ProfileLife]:
    """Lives of a profile under commands chosen at random, several of them refused or without effect."""
    from hypothesis import strategies as st  # only tests have it

    texts = st.text(max_size=10)
    values = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | texts
    data = st.dictionaries(texts, values | st.lists(values, max_size=3), max_size=3)

    @st.composite
    def live(draw: Any) -> ProfileLife:
        life = ProfileLife(draw(st.uuids(version=4)), draw(st.sampled_from(("casino", "player"))))
        names = st.sampled_from((life.name, life.name.upper()))
        versions = st.none() | st.integers(0, 9)
        commands = st.one_of(
            st.builds(CreateProfile, profile_type=st.just(life.profile_type), name=names, data=data),
            st.builds(UpdateProfile, data=data, name=st.none() | names | st.just("Reno"), expected_version=versions),
            st.builds(DeleteProfile, expected_version=versions),
        )
        life.create(draw(data))
        for _ in range(draw(st.integers(0, commands_max))):
            life.do(draw(commands), seconds=draw(st.sampled_from((0.0, 0.001, 1.0, 3600.0))))
        return life

    return live()
