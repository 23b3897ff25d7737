"""What a command does once and ends: ask, judge, look back, forget."""
