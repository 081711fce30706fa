"""The pages of docs/reference, made from the code they describe.

It reads structs, routes, topology, commands and fault points by importing or parsing them, and writes Markdown and JSON.
It promises the same text for the same code on every machine, so that a test can compare.
"""
