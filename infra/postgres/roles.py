"""Who may do what in Postgres: an owner that migrates, the gateway, the projector, and an operator who looks on."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import asyncpg

__all__ = [
    "ADMIN",
    "GATEWAY",
    "OPERATOR",
    "PROJECTOR",
    "ROLES",
    "RolesMissing",
    "ensure_database",
    "ensure_roles",
    "grant_database",
    "grant_operator",
    "passwords",
]

ADMIN = "jobstream_admin"
GATEWAY = "jobstream_gateway"
PROJECTOR = "jobstream_projector"
OPERATOR = "jobstream_operator"
ROLES = (ADMIN, GATEWAY, PROJECTOR, OPERATOR)

Connection = Any  # asyncpg gives a connection or a pool's proxy of one


class RolesMissing(Exception):
    """The connected user may not create jobstream's roles; the text holds the SQL for somebody who may."""


def passwords() -> dict[str, str]:
    """A fresh password for every role."""
    return {role: secrets.token_urlsafe(24) for role in ROLES}


async def ensure_roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Create the roles of `passwords` or give them these passwords; harmless when repeated.

    The connected user becomes a member of the projector's role, since it sets that role's default privileges.
    Raises `RolesMissing` if it may not create roles.
    """
    present = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL password_encryption = 'scram-sha-256'")
            for role, password in passwords.items():
                verb = "ALTER" if role in present else "CREATE"
                await connection.execute(f"{verb} ROLE {_name(role)} LOGIN PASSWORD {_text(password)}")
            members = {ADMIN, await connection.fetchval("SELECT current_user")} & {*passwords, *present}
            for member in members - {PROJECTOR, GATEWAY}:
                await connection.execute(f"GRANT {_name(PROJECTOR)} TO {_name(member)}")
    except asyncpg.InsufficientPrivilegeError:
        sql = "\n".join(f"CREATE ROLE {role} LOGIN PASSWORD '...';" for role in (GATEWAY, PROJECTOR))
        user = await connection.fetchval("SELECT current_user")
        raise RolesMissing(
            f"The Postgres user {user} may not create roles. Let an administrator run:\n{sql}\n"
            f"GRANT {PROJECTOR} TO {user};\n"
            "and set GATEWAY_DATABASE_URL and PROJECTOR_DATABASE_URL."
        ) from None


async def ensure_database(
    connection: Connection, name: str, *, owner: str = ADMIN, template: str | None = None
) -> None:
    """Create the database if it is missing, then let the owner and the services, and nobody else, connect to it.

    `connection` may be to another database of the server. Rights on the database itself are not copied from a
    template, hence set here and not in a migration.
    """
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
        source = f" TEMPLATE {_name(template)}" if template else ""
        await connection.execute(f"CREATE DATABASE {_name(name)} OWNER {_name(owner)}{source}")
    await grant_database(connection, name)


async def grant_database(connection: Connection, name: str) -> None:
    """Let the gateway connect, and the projector connect and create schemas; take the public's rights away."""
    database = _name(name)
    await connection.execute(
        f"""
        REVOKE ALL ON DATABASE {database} FROM PUBLIC;
        GRANT CONNECT ON DATABASE {database} TO {GATEWAY};
        GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {database} TO {PROJECTOR};
        """
    )


async def grant_operator(connection: Connection) -> None:
    """Let the operator read what the projector made and will make, and nothing else; harmless when repeated.

    The connected user owns the database and is a member of the projector's role. On an outside server people have users
    of their own, so this is no migration.
    """
    database = _name(await connection.fetchval("SELECT current_database()"))
    await connection.execute(
        f"""
        GRANT CONNECT ON DATABASE {database} TO {OPERATOR};
        ALTER DEFAULT PRIVILEGES FOR ROLE {PROJECTOR} GRANT USAGE ON SCHEMAS TO {OPERATOR};
        ALTER DEFAULT PRIVILEGES FOR ROLE {PROJECTOR} GRANT SELECT ON TABLES TO {OPERATOR};
        """
    )
    made = await connection.fetch(f"SELECT nspname FROM pg_namespace WHERE nspowner = '{PROJECTOR}'::regrole")  # noqa: S608
    for schema in (_name(row["nspname"]) for row in made):
        await connection.execute(
            f"GRANT USAGE ON SCHEMA {schema} TO {OPERATOR}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {OPERATOR}"
        )


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
