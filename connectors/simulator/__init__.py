"""An exchange of our own that speaks the WebSocket and REST protocol of Binance Spot.

From the inside out: `instruments` (scales), `matching` (the book and its rules), `climate` and `flow` (who sends which
order, and when), `market` (one symbol's events in its own time), `wire` (events as Binance's JSON), `streams` (names
and commands), `rest` (requests and answers), `limits`, `feed` (who receives what), `connection` and `server` (sockets
and the wall clock). Everything but the last two is free of I/O and of clocks.
"""
