"""What the source says about a struct's fields: the annotation as written, the default, and the comment or docstring beside it."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from enum import EnumType
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec

__all__ = ["Field", "docstring", "fields"]


class Field(NamedTuple):
    """One field of a struct."""

    name: str
    type: str
    default: str | None  # as written; None where the field must be given
    doc: str


def docstring(struct: type) -> str:
    """What the class itself promises, on one line; empty where it only inherits."""
    return " ".join((struct.__dict__.get("__doc__") or "").split())


def fields(struct: type[msgspec.Struct], *, inherited: bool = True) -> list[Field]:
    """The fields in the order they are encoded, under the names they are encoded by."""
    written = _written(struct)
    own = {each.name for each in _own(struct)}
    found = [each for each in msgspec.structs.fields(struct) if inherited or each.name in own]
    return [written[each.name]._replace(name=each.encode_name) for each in found]


def _written(struct: type) -> dict[str, Field]:
    known: dict[str, Field] = {}
    for cls in reversed(struct.__mro__):
        if cls not in (msgspec.Struct, object) and issubclass(cls, msgspec.Struct):
            known |= {each.name: each for each in _own(cls)}
    return known


@cache
def _own(cls: type) -> tuple[Field, ...]:
    source = inspect.getsource(cls)
    shift = len(source) - len(source.lstrip())
    lines = [line[shift:] for line in source.splitlines()]
    body = ast.parse("\n".join(lines)).body[0]
    assert isinstance(body, ast.ClassDef)
    comments = _comments("\n".join(lines) + "\n")
    names = _alternatives(cls)
    found = []
    for place, node in enumerate(body.body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if ast.unparse(node.annotation).startswith("ClassVar"):
            continue
        doc = _doc_after(body.body, place) or comments.get(node.end_lineno or 0) or _above(comments, lines, node.lineno)
        found.append(Field(node.target.id, _type(node.annotation, names), _default(node.value), doc))
    return tuple(found)


def _doc_after(body: list[ast.stmt], place: int) -> str:
    after = body[place + 1] if place + 1 < len(body) else None
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
        return " ".join(after.value.value.split())
    return ""


def _comments(source: str) -> dict[int, str]:
    """Comments by line, without the linter's."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = {each.start[0]: each.string.lstrip("# ").strip() for each in tokens if each.type == tokenize.COMMENT}
    return {line: text for line, text in found.items() if not text.startswith(("noqa", "type:", "--"))}


def _above(comments: dict[int, str], lines: list[str], line: int) -> str:
    """The comment lines right above a field."""
    texts: list[str] = []
    while line - 1 in comments and lines[line - 2].lstrip().startswith("#"):
        line -= 1
        texts.insert(0, comments[line])
    return " ".join(texts)


def _alternatives(cls: type) -> dict[str, Any]:
    """Module-level names such as `Seconds = Annotated[float, ...]`, which a reader of the page cannot look up."""
    module = inspect.getmodule(cls)
    return vars(module) if module is not None else {}


def _type(annotation: ast.expr, names: dict[str, Any]) -> str:
    """The annotation with `Annotated` names spelled as the plain type and its limits."""
    if isinstance(annotation, ast.Name) and hasattr(names.get(annotation.id), "__metadata__"):
        return _plain(names[annotation.id])
    if isinstance(annotation, ast.BinOp):
        return f"{_type(annotation.left, names)} | {_type(annotation.right, names)}"
    if isinstance(annotation, ast.Name) and isinstance(names.get(annotation.id), type(_LITERAL)):
        return str(names[annotation.id]).replace("typing.", "")
    text = ast.unparse(annotation)
    if isinstance(names.get(text), EnumType):
        return " | ".join(str(each) for each in names[text])
    if text.startswith("Annotated["):
        return _plain(eval(text, {**names}))  # noqa: S307  # our own source
    return text


_LITERAL = Literal["a"]


def _plain(annotated: Any) -> str:
    base = annotated.__origin__
    shown = getattr(base, "__name__", None) if isinstance(base, type) and not getattr(base, "__args__", None) else None
    shown = shown or str(base).replace("typing.", "")
    limits = []
    for meta in annotated.__metadata__:
        limits += [f"{sign} {value}" for sign, value in _limits(meta)]
    return f"{shown} ({', '.join(limits)})" if limits else shown


def _limits(meta: Any) -> list[tuple[str, Any]]:
    known: tuple[tuple[str, str], ...] = (
        ("gt", ">"),
        ("ge", ">="),
        ("lt", "<"),
        ("le", "<="),
        ("min_length", "length >="),
    )
    known += (("max_length", "length <="), ("pattern", "matches"))
    return [(sign, getattr(meta, name)) for name, sign in known if getattr(meta, name, None) is not None]


def _default(value: ast.expr | None) -> str | None:
    """What stands after `=`; for a factory, what it makes."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) in ("msgspec.field", "field"):
        for keyword in value.keywords:
            if keyword.arg == "default_factory":
                made = keyword.value.body if isinstance(keyword.value, ast.Lambda) else keyword.value
                return "null" if ast.unparse(made) == "_null" else ast.unparse(made)
            if keyword.arg == "default":
                return ast.unparse(keyword.value)
        return None
    return None if value is None else ast.unparse(value)
