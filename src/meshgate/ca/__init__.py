"""Identities. Filled by a later step: until then `facts.identities` is empty and the mesh speaks plaintext. May import store and below."""
