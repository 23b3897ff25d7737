"""What others would build for the same, each in an environment of its own."""
