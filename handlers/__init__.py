"""THE DOMAIN: knows schedules, not Kafka. What we do about each event, the whole policy on one screen."""
