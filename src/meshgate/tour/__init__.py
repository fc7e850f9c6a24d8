"""The tour's scenarios as package data, and their runner.

Reads its own YAML, gives what was seen; may import app and everything below.
"""

from meshgate.tour.scenarios_data import scenario_names, scenario_text

__all__ = ["scenario_names", "scenario_text"]
