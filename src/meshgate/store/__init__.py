"""The one mutable truth: versioned objects (raw JSON is the truth, decoded values are derived), watch.

Reads writes and YAML files, gives raw objects and events. Here: the pure rules (`core`); the shells are
`store.sqlite` (SQLite) and `store.files` (watched YAML). May import client, api, aio, errors.
"""
