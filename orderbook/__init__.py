"""The domain: local books, sequence rules, trust, metrics, alerts, messages and settings; no I/O, no clock."""
