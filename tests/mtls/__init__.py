"""Both ends of mutual TLS: what a client's clusters send is what a server's filter chains take, or it is refused."""
