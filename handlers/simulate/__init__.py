"""The routing simulator: contacts, rules and people in, who gets what out; nothing is asked or changed. Pure."""
