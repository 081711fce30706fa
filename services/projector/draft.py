"""A batch in the making: many events folded into as few row changes as they leave, one row per job or profile however often it changed."""

from __future__ import annotations

import copy
from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import NamedTuple

from libs.events.errors import UnknownEvent
from services.projector import profiles, views
from services.projector.copying import event_line
from services.projector.entry import Entry, Malformed
from services.projector.model import (
    TABLES,
    DeletedProfileRow,
    JobRow,
    MessageRow,
    ProfileRow,
    Row,
    SimulationRow,
    StepRow,
)
from services.projector.profiles import ProfileState
from services.projector.simulations import KINDS, simulation
from services.projector.waiting import needs, waiting

__all__ = ["Draft", "Parked"]

_KEYED = {
    kind: [kind._fields.index(name) for name in table.key]
    for kind, table in TABLES.items()
    if table.key and kind not in (ProfileRow, DeletedProfileRow)
}


class Parked(NamedTuple):
    """Where a job or profile stopped, and why."""

    entry: Entry
    reason: str


class Draft:
    """What a run of events changes. The rows before it are `known`, the streams in `held` are parked already; neither is touched."""

    def __init__(
        self,
        known: Mapping[str, JobRow],
        held: Container[str],
        profiles: Mapping[str, ProfileState] = MappingProxyType({}),
    ) -> None:
        self._known = known
        self._known_profiles = profiles
        self._held = held
        self.jobs: dict[str, JobRow] = {}
        self.profiles: dict[str, ProfileState] = {}
        self.events: list[bytes] = []  # lines of COPY
        self.steps: list[StepRow] = []
        self.messages: list[MessageRow] = []
        self.keyed: dict[type[Row], dict[tuple[object, ...], Row]] = {kind: {} for kind in _KEYED}
        self.parked: dict[str, Parked] = {}
        self.applied = 0

    def add(self, entry: Entry) -> None:
        """Apply an event. One that cannot be applied parks its job or profile, whose later events are held back."""
        stream = entry.stream
        if stream in self._held or stream in self.parked:
            return
        try:
            if entry.about_a_profile:
                self._add_to_profile(entry)
                return
            event = entry.event()
            job = self.jobs.get(stream)
            if job is None and (known := self._known.get(stream)) is not None:
                job = self.jobs[stream] = copy.copy(known)
            if job is None:
                self.jobs[stream] = views.created(entry, event)
            else:
                changed, rows = views.change(job, entry, event)
                for name, value in changed.items():
                    setattr(job, name, value)
                job.version, job.sequence, job.updated_at = entry.version, entry.sequence, entry.time
                for row in rows:
                    kind = type(row)
                    if isinstance(row, StepRow):
                        self.steps.append(row)
                    elif isinstance(row, MessageRow):
                        self.messages.append(row)
                    else:
                        self.keyed[kind][tuple([row[place] for place in _KEYED[kind]])] = row
        except (UnknownEvent, Malformed) as error:
            self.park(entry, str(error))
        except Exception as error:  # whatever it is, the same event will raise it again
            self.park(entry, f"{type(error).__name__}: {error}")
        else:
            self.events.append(event_line(entry))
            self.applied += 1

    def _add_to_profile(self, entry: Entry) -> None:
        stream, event = entry.stream, entry.profile_event()
        if stream in self.jobs or stream in self._known:
            raise views.Inconsistent("a job's history holds nothing of a profile's")
        row = self.profiles.get(stream) or self._known_profiles.get(stream)
        self.profiles[stream] = profiles.after(row, entry, event)
        self.applied += 1

    def park(self, entry: Entry, reason: str) -> None:
        """Stop the entry's job or profile here."""
        self.parked[entry.stream] = Parked(entry, reason)

    def finish(self) -> None:
        """Derive what follows from the rows as they are now."""
        for job in self.jobs.values():
            job.waiting, job.needs = waiting(job), needs(job)
            if job.kind in KINDS:
                self.keyed[SimulationRow][(job.id,)] = simulation(job)
