"""The Flink job: metrics, windows and alerts from the topic raw, in SQL files rendered from the settings.

`python -m flink` runs it on a mini-cluster in one JVM; submitted to a standalone cluster the same code runs there.
"""
