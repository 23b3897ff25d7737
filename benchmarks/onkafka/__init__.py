"""What `benchmarks/kafka.py` measures, a file for each measure."""
