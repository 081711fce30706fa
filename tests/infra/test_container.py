from __future__ import annotations

import json
import subprocess
from pathlib import Path

import asyncpg

from infra import container
from infra.container import Places
from infra.embedded import provision
from infra.embedded.binaries import nats_server as nats_server_program
from infra.embedded.postgres import EmbeddedPostgres
from infra.postgres import roles


def test_each_service_finds_only_its_own_secrets(tmp_path: Path) -> None:
    container.write_secrets(tmp_path, Places())
    gateway = json.loads((tmp_path / "gateway" / "environment.json").read_text())
    agents = json.loads((tmp_path / "agents" / "environment.json").read_text())
    assert {"JWT_SECRET", "DATABASE_URL", "NATS_PASSWORD"} <= gateway.keys()
    assert agents.keys() == {"NATS_URL", "NATS_USER", "NATS_PASSWORD"}


def test_secrets_are_made_once(tmp_path: Path) -> None:
    container.write_secrets(tmp_path, Places())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    container.write_secrets(tmp_path, Places())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_rendered_configuration_is_one_the_server_accepts(tmp_path: Path) -> None:
    container.write_secrets(tmp_path, Places())
    command = [str(nats_server_program()), "-t", "-c", str(tmp_path / "nats" / "nats.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "configuration file" in done.stderr
    assert done.returncode == 0, done.stderr


async def test_an_outside_database_gets_roles_and_migrations(fresh_postgres: EmbeddedPostgres) -> None:
    superuser = await asyncpg.connect(fresh_postgres.superuser_url())
    await superuser.execute("CREATE DATABASE outside")
    await superuser.close()
    urls = await provision.provision_outside(fresh_postgres.superuser_url("outside"), roles.passwords(), {})
    gateway = await asyncpg.connect(urls["gateway"])
    assert await gateway.fetchval("SELECT current_user") == roles.GATEWAY
    await gateway.close()
