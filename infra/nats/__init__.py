"""The NATS side as data: which streams, consumers and buckets exist, and who may do what.

It reads the two modules `topology` and `accounts` and writes JetStream objects and the server's configuration file.
It promises that applying the topology is idempotent and that every service holds only the rights it uses.
"""
