"""The outside, outwards: where messages are kept. Each sink says what it promises."""
