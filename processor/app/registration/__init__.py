"""Our receiver as Genesys's target, for each way in which its events come."""
