"""Several receivers on one port: the parent, its children, and their metrics as those of one process."""
