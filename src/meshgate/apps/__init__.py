"""Stand-ins for sample images: ordinary HTTP servers and clients that run as local processes. Import nothing of ours and are imported by nobody."""
