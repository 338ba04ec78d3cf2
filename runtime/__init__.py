"""What every process of the product does alike: logging, saying that it is ready, ending when asked to."""
