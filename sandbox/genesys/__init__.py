"""The stand-in for Genesys Cloud: the official dialect over HTTP, with its limits, refusals and conflicts."""
