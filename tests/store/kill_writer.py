"""A program that writes for ever, ten objects a transaction, and says after each how far it is; to be killed."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from meshgate.store.core import Apply
from meshgate.store.sqlite import Store
from tests.store.objects import config_map


def main() -> None:
    store = Store(Path(sys.argv[1]))
    for number in count(1):
        store.transact([Apply(raw=config_map(f"c{index}", {"n": str(number)})) for index in range(10)])
        print(number, flush=True)


if __name__ == "__main__":
    main()
