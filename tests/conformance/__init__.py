"""Istio's own expectations, run against meshgate.

`python -m tests.conformance simulation [PATH...]` builds the resources of each case with meshgate and walks its calls
through them. The data lies beside the project (`../shared/conformance`) and is used where it lies.
"""
