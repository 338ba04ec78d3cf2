"""Binance: venues and their addresses, the wire format, REST, and a connection that feeds local books."""
