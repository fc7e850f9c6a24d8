"""Identities: keys, certificates, Istio's certificate service. Empty until identities are built.

`facts.identities` is empty meanwhile, and the mesh speaks plaintext. May import client and below.
"""
