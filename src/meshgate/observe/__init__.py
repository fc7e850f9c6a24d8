"""Access logs and metrics as a graph. Filled by a later step. May import explain, xds and below."""
