"""The built-in offline model: an OpenAI-compatible ASGI application that needs no key, no network and no memory.
It reads only the messages it is sent and writes only its answer: a requirements talk, an executive discussion, documents.
It promises to keep a person's words as they were typed, to add no facts of its own, and to say what it is."""

from libs.llm.offline.app import MODEL_ID, offline_app

__all__ = ["MODEL_ID", "offline_app"]
