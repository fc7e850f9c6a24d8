"""Tests of meshgate.host.holder."""
