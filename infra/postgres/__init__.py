"""The Postgres side: roles, schemas and numbered migrations.

It reads `migrations/*.sql` and writes roles, schemas and the record of what was applied.
It promises that the gateway cannot write read models, that projector and operator cannot read identities, and that a migration
is applied once, in order, and never changed afterwards.
"""
