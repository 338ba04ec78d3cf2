"""Recorded sessions of an exchange: their files, and a Bytewax source that plays them at any speed."""
