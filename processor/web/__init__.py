"""HTTP beneath the receiver and admin: ports, bodies, callers, deadlines, and answers as problem+json."""
