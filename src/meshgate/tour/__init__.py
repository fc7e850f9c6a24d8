"""The tour's scenarios as package data, and their runner.

Reads its own YAML, gives what was seen; may import app and everything below.
"""
