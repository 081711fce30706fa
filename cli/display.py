"""A job on the terminal: talk, steps and App set for reading; plain lines where output is not a terminal."""

from __future__ import annotations

import json
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from cli.progress import ProgressView

__all__ = ["JobDisplay"]

Json = dict[str, Any]

STYLES = {"user": "cyan", "agent": "green", "system": "yellow"}
STATUS_STYLES = {"done": "bold green", "failed": "bold red", "cancelled": "yellow"}
WIDTH_MAX = 100


class JobDisplay:
    """Shows a job's frames as they come. A reply being typed appears in place and is replaced by what was stored."""

    def __init__(self, console: Console | None = None, *, estimated: str = "EV") -> None:
        """`estimated` is what a simulation's progress tells of each player."""
        self.console = console or Console(soft_wrap=False, highlight=False)
        self.rich = self.console.is_terminal
        if self.rich and self.console.width > WIDTH_MAX:
            self.console.width = WIDTH_MAX
        self._live: Live | None = None
        self._progress = ProgressView(self.console, estimated=estimated)
        self._typed: dict[str, tuple[int, str]] = {}
        self._settled: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._end_live()

    def show(self, frame: Json) -> None:
        """Show one frame of the job's stream; kinds without meaning for a reader are left out."""
        match frame.get("kind"):
            case "delta":
                self._type(frame)
            case "chat":
                self._settle(frame)
                role = str(frame.get("role"))
                name = {"user": "You", "system": "System"}.get(role, str(frame.get("sender") or "Agent"))
                self.said(name, str(frame.get("content", "")), STYLES.get(role, "white"))
            case "step":
                self._settle(frame)
                order = frame.get("order")
                self.said(f"{frame.get('agent')} · step {order}", str(frame.get("message", "")), "magenta")
            case "status":
                status = str(frame.get("status"))
                message = str(frame.get("message") or "")
                self.rule(f"{status}: {message}" if message else status, STATUS_STYLES.get(status, "blue"))
            case "description":
                # Long ones repeat what was just said in the talk.
                if len(message := str(frame.get("message") or "")) <= WIDTH_MAX:
                    self.line(f"{frame.get('agent')} ({frame.get('stage')}): {message}")
            case "approval":
                name = str(frame.get("name"))
                self.said(f"Approval wanted: {name}", str(frame.get("summary") or name), "yellow")
                if frame.get("jobId"):
                    self.line(f"decide with: jobstream approve {frame['jobId']} {name}   (or reject)", "yellow")
            case "app":
                self.app(frame.get("spec") or {})
            case "progress":
                self._end_typing()
                self._progress.show(frame)
            case "error":
                self.line(f"error: {frame.get('message')}", "red")
            case "closing":
                self.line(f"the gateway closes the connection: {frame.get('reason')}", "yellow")

    def said(self, name: str, text: str, style: str) -> None:
        """A finished contribution."""
        self._end_live()
        if not self.rich:
            self.console.out(f"[{name}] {text}", highlight=False)
            return
        panel = Panel(Markdown(text), title=Text(name, style=f"bold {style}"), title_align="left", border_style=style)
        self.console.print(panel)

    def rule(self, text: str, style: str = "blue") -> None:
        self._end_live()
        if self.rich:
            self.console.print(Rule(Text(text, style=style), style=style))
        else:
            self.console.out(f"--- {text}", highlight=False)

    def line(self, text: str, style: str = "dim") -> None:
        self._end_live()
        if self.rich:
            self.console.print(Text(text, style=style))
        else:
            self.console.out(text, highlight=False)

    def app(self, spec: Json) -> None:
        """The finished App: its numbered requirements and how it came about (its texts were shown as steps); as JSON
        where it has none."""
        self._end_live()
        requirements = spec.get("numbered_requirements") or spec.get("requirements")
        if not requirements:
            self.said("App", f"```json\n{json.dumps(spec, indent=2, ensure_ascii=False)}\n```", "green")
            return
        voices = list(dict.fromkeys(str(turn.get("agent")) for turn in spec.get("discussion") or []))
        facts = [f"{len(spec['discussion'])} contributions by {', '.join(voices)}"] if voices else []
        facts += [f"{spec['rounds']} round(s)"] if "rounds" in spec else []
        facts += ["agreed" if spec["agreed"] else "ended without agreement"] if "agreed" in spec else []
        facts += [name for name in ("requirements", "summary", "prd") if spec.get(name)]
        if not self.rich:
            self.console.out(f"[App]\n{_requirements_text(requirements)}\n{' · '.join(facts)}", highlight=False)
            return
        parts: list[RenderableType] = [Padding(Markdown(_requirements_text(requirements)), (0, 0, 1, 0))]
        parts.append(Text(" · ".join(facts), style="dim"))
        title = Text("App", style="bold green")
        self.console.print(Panel(Group(*parts), title=title, border_style="bold green", padding=(1, 2)))

    def result(self, value: Any) -> None:
        """What a workflow returned, where that is no App."""
        self.said("Result", f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```", "green")

    def _type(self, frame: Json) -> None:
        stream = str(frame.get("stream"))
        if stream in self._settled or not self.rich:
            return
        attempt, offset = int(frame.get("attempt") or 0), int(frame.get("offset") or 0)
        before_attempt, before = self._typed.get(stream, (attempt, ""))
        if attempt < before_attempt:
            return
        text = (before[:offset] if attempt == before_attempt else "") + str(frame.get("text", ""))
        self._typed[stream] = (attempt, text)
        self._progress.end()  # a terminal has room for one live picture
        if self._live is None:
            self._live = Live(console=self.console, transient=True, refresh_per_second=12, vertical_overflow="visible")
            self._live.start()
        room = max(3, self.console.height - 6)
        shown = "\n".join(text.splitlines()[-room:])
        self._live.update(Panel(Text(f"{shown} ▌"), title="typing", title_align="left", border_style="dim"))

    def _settle(self, frame: Json) -> None:
        self._end_live()
        stream = frame.get("stream")
        if stream:
            self._settled.add(str(stream))
            self._typed.pop(str(stream), None)

    def _end_live(self) -> None:
        self._progress.end()
        self._end_typing()

    def _end_typing(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _requirements_text(requirements: Any) -> str:
    """Requirements as Markdown, in whichever of the forms a spec holds them."""
    match requirements:
        case None | "":
            return ""
        case str():
            return requirements
        case list():
            return "\n".join(f"- {_requirement(item)}" for item in requirements)
        case dict():
            return "\n".join(f"- **{name}**: {_requirement(item)}" for name, item in requirements.items())
        case _:
            return str(requirements)


def _requirement(item: Any) -> str:
    match item:
        case dict():
            label = item.get("id")
            text = item.get("text") or item.get("description") or ", ".join(f"{k}: {v}" for k, v in item.items())
            return f"**{label}** {text}" if label else str(text)
        case list():
            return "; ".join(_requirement(part) for part in item)
        case _:
            return str(item)
