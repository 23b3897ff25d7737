"""Genesys as the five guides show it: their paths, headers, status codes and bodies, over the same floor and people."""
