"""`python -m meshgate` is the console script."""

from meshgate.cli import main

main()
