"""What the service that decides commands of profiles tells the handler of commands about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from libs.events.commands import CommandEnvelope, Refusal
from libs.events.handling import MalformedCommand
from libs.profiles.commands import VERBS, WIRE, CreateProfile
from libs.profiles.decide import WrongProfile, decide
from libs.profiles.events import ProfileChangeRefused, ProfileEvent

if TYPE_CHECKING:
    from libs.profiles.repository import Profiles
    from libs.profiles.state import Profile

__all__ = ["ProfileDecider"]


class ProfileDecider:
    """A `Decider` of all commands of profiles: one service decides them, so that a create and the next update keep their order."""

    opening: str | None = None  # a profile may be created again after its deletion
    absent: Refusal | None = Refusal(
        code="no_such_profile", reason="there is no such profile", allowed=(CreateProfile.verb,)
    )

    mismatch: Refusal | None = (
        None  # a merge that is asked for again stands for what it makes of the profile as it is by then
    )

    def __init__(self, service: str, profiles: Profiles) -> None:
        self.repository = profiles
        self.verbs = frozenset(verb for verb, decides in VERBS.items() if decides == service)

    def decided(self, state: Profile) -> int:
        return state.commands_decided

    def decide(self, state: Profile | None, command: CommandEnvelope) -> Sequence[ProfileEvent]:
        try:
            wanted = msgspec.json.decode(command.payload, type=WIRE[command.verb])
            return decide(command.stream, state, wanted, command_id=command.id, sequence=command.sequence)
        except (msgspec.MsgspecError, WrongProfile) as error:
            raise MalformedCommand(str(error)) from error

    def refusal(self, event: ProfileEvent) -> Refusal | None:
        if isinstance(event, ProfileChangeRefused):
            return Refusal(code=event.code, reason=event.reason, allowed=event.allowed)
        return None

    def refused_before(self, state: Profile | None, command_id: UUID) -> Refusal | None:
        return None if state is None else state.refused.get(command_id)
