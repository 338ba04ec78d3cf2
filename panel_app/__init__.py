"""The live dashboard: who presses in each market, how hard, since when, and whether to believe it."""
