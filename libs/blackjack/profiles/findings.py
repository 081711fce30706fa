"""What was found in something a user wrote: how it was understood, and every mistake with its place."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

__all__ = ["Findings", "InvalidRequest", "Note", "Problem", "pointer"]

PROBLEMS_MAX = 500


class Note(msgspec.Struct, frozen=True):
    """What was understood where the user could have meant more than is written: "75 was read as 0.75"."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True):
    """One mistake: a JSON pointer (RFC 6901) into what the user sent, and one plain sentence with what is expected there."""

    pointer: str
    detail: str


class InvalidRequest(Exception):
    """What was sent cannot be played; all its problems at once. Mend them and send it again."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.pointer or '/'}: {problem.detail}" for problem in self.problems))


class Findings:
    """Collects notes and problems, each once, in the order of finding."""

    def __init__(self) -> None:
        self._notes: dict[Note, None] = {}
        self._problems: dict[Problem, None] = {}
        self._inside = ""

    def without_notes(self) -> Findings:
        """The same problems, with notes that nobody reads."""
        findings = Findings()
        findings._problems, findings._inside = self._problems, self._inside
        return findings

    def inside(self, name: str) -> Findings:
        """The same findings for what a profile of this name holds: details say so, since the place is only where its name stands."""
        findings = Findings()
        findings._notes, findings._problems, findings._inside = self._notes, self._problems, f'In "{name}": '
        return findings

    @property
    def notes(self) -> tuple[Note, ...]:
        return tuple(self._notes)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems)

    @property
    def count(self) -> int:
        """How many problems were found so far."""
        return len(self._problems)

    @property
    def full(self) -> bool:
        """Whether more problems would only be counted."""
        return len(self._problems) > PROBLEMS_MAX

    def note(self, at: str, detail: str) -> None:
        self._notes.setdefault(Note(at, self._inside + detail))

    def problem(self, at: str, detail: str) -> None:
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.setdefault(Problem(at, self._inside + detail))
        elif len(self._problems) == PROBLEMS_MAX:
            self._problems.setdefault(Problem("", f"There are more than {PROBLEMS_MAX} problems; these are the first."))

    def raise_problems(self) -> None:
        """Raise `InvalidRequest` with everything found, if anything was."""
        if self._problems:
            raise InvalidRequest(self._problems)


def pointer(base: str, *keys: str | int) -> str:
    """The JSON pointer of what is found at `keys` under `base`."""
    return base + "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)
