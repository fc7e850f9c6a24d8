"""Tests of meshgate.host.pods."""
