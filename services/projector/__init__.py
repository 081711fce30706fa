"""The read models: plain tables in Postgres, made from the stream EVENTS and from nothing else.

Reads EVENTS in order and writes the tables of `schema.sql` together with the position reached, in one transaction by compare-and-set.
It promises that the tables are a pure function of the log, that two projectors never both apply an event, that an event which cannot be
applied stops its own job loudly and no other, and that everything can be filled anew while the old tables serve.
"""
