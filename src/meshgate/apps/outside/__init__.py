"""A small outside world: a few servers of the internet with names, certificates and an authority of their own.

They run in a network namespace that has nothing else in it; nobody outside of it is asked anything.
"""
