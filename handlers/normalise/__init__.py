"""A vendor's payload to events in UTC, or to look-here records."""
