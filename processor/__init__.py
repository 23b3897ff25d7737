"""THE ENGINE: knows records, not schedules."""
