"""The guides' read-only jobs: what the log and Genesys's figures say of one schedule, campaign, profile, queue, agent. Pure."""
