"""The `orderbook` command: one module a subcommand, each importing the room it works with when it is called."""
