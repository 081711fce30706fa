"""Commands that measure, each printing one JSON line a figure beside its raw limit or a rival from the same run.

They start what they need on free ports and data folders of their own, and stop it again. None of them is a test: tests are never timed.
`python -m benchmarks.<name> --help` says what each one takes; docs/benchmarks.md says what they showed.
"""
