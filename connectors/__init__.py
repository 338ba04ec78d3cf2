"""The outside world, inwards: exchanges, the exchange simulator, recordings and Kafka."""
