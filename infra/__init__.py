"""What jobstream stands on: NATS topology and accounts, Postgres roles and migrations, and the embedded servers.

It reads settings and writes streams, consumers, roles, schemas and child processes; it holds no domain logic.
It promises that applying anything here twice changes nothing, and that no child process outlives its supervisor.
"""
