"""The database's schema: numbered SQL files in `sql/`, and the runner that applies each of them once."""
