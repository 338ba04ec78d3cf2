"""Kafka or Redpanda: topics, a source that resumes where its sink stopped, and a sink that checks every delivery."""
