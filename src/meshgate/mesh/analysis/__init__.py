"""What is wrong between objects: names that lead nowhere, hosts that two have, rules that nothing reaches.

Nothing is changed by it: what is broken stays as it is, and answers 503 or 404. Each check reads one object and what it
refers to, by an index, and is remembered by both: of a mesh of thousands only what a change touches is looked at again.
Reads the world and what stands beside it, gives Problems; may import the rest of `mesh`, and api. Pure.
"""

from meshgate.mesh.analysis.beside import Beside, beside
from meshgate.mesh.analysis.whole import analysis

__all__ = ["Beside", "analysis", "beside"]
