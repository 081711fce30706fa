"""A batch in the making: many events folded into as few row changes as they leave, one row per job however often it changed."""

from __future__ import annotations

import copy
from collections.abc import Container, Mapping
from typing import NamedTuple

from libs.events.errors import UnknownEvent
from services.projector import views
from services.projector.copying import event_line
from services.projector.entry import Entry, Malformed
from services.projector.model import TABLES, JobRow, MessageRow, Row, StepRow
from services.projector.waiting import needs, waiting

__all__ = ["Draft", "Parked"]

_KEYED = {kind: [kind._fields.index(name) for name in table.key] for kind, table in TABLES.items() if table.key}


class Parked(NamedTuple):
    """Where a job stopped, and why."""

    entry: Entry
    reason: str


class Draft:
    """What a run of events changes. `known` are the rows before it, `held` the streams that are parked already; neither is touched."""

    def __init__(self, known: Mapping[str, JobRow], held: Container[str]) -> None:
        self._known = known
        self._held = held
        self.jobs: dict[str, JobRow] = {}
        self.events: list[bytes] = []  # lines of COPY
        self.steps: list[StepRow] = []
        self.messages: list[MessageRow] = []
        self.keyed: dict[type[Row], dict[tuple[object, ...], Row]] = {kind: {} for kind in _KEYED}
        self.parked: dict[str, Parked] = {}
        self.applied = 0

    def add(self, entry: Entry) -> None:
        """Apply an event. One that cannot be applied parks its job, whose later events are held back."""
        stream = entry.stream
        if stream in self._held or stream in self.parked:
            return
        try:
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

    def park(self, entry: Entry, reason: str) -> None:
        """Stop the entry's job here."""
        self.parked[entry.stream] = Parked(entry, reason)

    def finish(self) -> None:
        """Derive what follows from the rows as they are now."""
        for job in self.jobs.values():
            job.waiting, job.needs = waiting(job), needs(job)
