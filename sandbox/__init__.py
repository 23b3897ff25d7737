"""A contact centre to try things on: stateful stand-ins over real HTTP, and a seeded floor."""
