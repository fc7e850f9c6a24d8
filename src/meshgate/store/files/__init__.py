"""YAML files whose objects live in the store as long as they are in the files.

Reads files and directories, gives writes through the store's admission and Problems of what can't be taken over.
May import the rest of `store`, client (positions), api, aio, errors.
"""

from .watched_files import WatchedFiles

__all__ = ["WatchedFiles"]
