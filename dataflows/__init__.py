"""The flows: wiring only. What is wired stands in connectors, sinks and orderbook."""
