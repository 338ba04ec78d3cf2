from __future__ import annotations

import psycopg.conninfo
import pytest

from orderbook.settings import Settings


@pytest.mark.parametrize("password", ["plain", "", "two words", "it's", "back\\slash", "a=b host=elsewhere", "'\\'"])
def test_libpq_reads_the_connection_string_as_it_was_meant(password: str) -> None:
    settings = Settings(_env_file=None, database_host="db.internal", database_port=5433, database_password=password)
    assert psycopg.conninfo.conninfo_to_dict(settings.database_conninfo) == {
        "host": "db.internal",
        "port": "5433",
        "dbname": "orderbook",
        "user": "orderbook_user",
        "password": password,
    }
