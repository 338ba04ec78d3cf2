"""An exchange of our own that speaks the WebSocket and REST protocol of Binance Spot.

From the inside out: `instruments` and `universe` (scales and names), `matching` (the book and its rules), `climate` and
`flow` (who sends which order, and when) or `light` (the same for little money), `history` and `day` (the book and the
trades of the past), `market` (one symbol's events in its own time), `wire` (events as Binance's JSON), `streams` (names
and commands), `rest` and `ticker` (requests and answers), `limits`, `digest` and `ledger` (the truth, for tests).

What goes wrong on purpose: `faults` (every kind and its fields), `corruption` (spoiled frames), `trouble` (faults of
one symbol's streams), `outages` (faults of the whole exchange), `schedule` (scripts and random schedules).

Then `feed` (who receives what), and around it the sockets and the wall clock: `connection`, `injection`, `control`,
`answers` and `server`. Everything before these, but for the file of the ledger, is free of I/O and of clocks.
"""
