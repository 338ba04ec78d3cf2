from __future__ import annotations

from pathlib import Path

import pytest

from migrations.errors import MigrationRefused
from migrations.script import read_script, read_scripts, write_new


def script(folder: Path, name: str, sql: str = "SELECT 1;\n") -> Path:
    path = folder / name
    path.write_text(sql, encoding="utf-8")
    return path


def test_flags_stand_in_the_header_only(tmp_path: Path) -> None:
    flagged = read_script(
        script(tmp_path, "0007_a_name.sql", "-- no-transaction\n-- requires: timescaledb\nSELECT 1;\n")
    )
    assert (flagged.version, flagged.name, flagged.transactional, flagged.requires) == (
        7,
        "a_name",
        False,
        "timescaledb",
    )

    body = read_script(script(tmp_path, "0008_body.sql", "SELECT 1;\n-- no-transaction\n-- requires: timescaledb\n"))
    assert (body.transactional, body.requires) == (True, None)


@pytest.mark.parametrize(
    ("name", "sql", "sentence"),
    [
        ("1_short.sql", "SELECT 1;\n", "1_short.sql is not a migration's name"),
        ("0001_Upper.sql", "SELECT 1;\n", "0001_Upper.sql is not a migration's name"),
        ("0001_empty.sql", "-- only a comment\n\n", "0001_empty.sql holds no statement"),
        ("0001_both.sql", "-- requires: a\n-- requires: b\nSELECT 1;\n", "requires a, b: one extension a migration"),
    ],
)
def test_what_is_no_migration_is_refused(tmp_path: Path, name: str, sql: str, sentence: str) -> None:
    with pytest.raises(MigrationRefused, match=sentence):
        read_script(script(tmp_path, name, sql))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["0001_a.sql", "0003_c.sql"], r"0003_c\.sql has number 3 where 2 is due"),
        (["0001_a.sql", "0001_b.sql"], r"has number 1 where 2 is due"),
        (["0000_a.sql"], r"has number 0 where 1 is due"),
    ],
)
def test_numbers_have_no_gap_and_stand_once(tmp_path: Path, names: list[str], sentence: str) -> None:
    for name in names:
        script(tmp_path, name)
    with pytest.raises(MigrationRefused, match=sentence):
        read_scripts(tmp_path)


def test_a_new_file_takes_the_next_number(tmp_path: Path) -> None:
    script(tmp_path, "0001_a.sql")
    path = write_new("add_column", tmp_path)
    assert path == tmp_path / "0002_add_column.sql"
    with pytest.raises(MigrationRefused, match="holds no statement"):
        read_scripts(tmp_path)
    with pytest.raises(MigrationRefused, match="cannot name a migration"):
        write_new("Not A Name", tmp_path / "none")


def test_the_product_s_own_files_are_in_order() -> None:
    versions = [script.version for script in read_scripts()]
    assert versions == list(range(1, len(versions) + 1))
