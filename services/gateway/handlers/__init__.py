"""The HTTP calls: each reads a request, calls one use case and answers; nothing is decided here.

A handler's `Operation` says what it takes and answers, and is where the published OpenAPI document comes from.
Bodies and queries are decoded into the structs of `requests`, so what is published is what is checked.
"""
