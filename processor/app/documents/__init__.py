"""What other people's programs may rely on, as documents made from the models."""
