"""The guides' read-only jobs: what the log and Genesys say of one schedule, campaign, profile, queue, agent. Pure."""
