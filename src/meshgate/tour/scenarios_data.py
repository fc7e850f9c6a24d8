"""The scenarios' YAML, as it lies in this package."""

from __future__ import annotations

from importlib import resources


def scenario_names() -> tuple[str, ...]:
    """Names of the scenarios' files, without their ending, sorted."""
    files = (resources.files("meshgate.tour") / "scenarios").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def scenario_text(name: str) -> str:
    """The YAML text of a scenario. Raises FileNotFoundError for a name that is none."""
    return (resources.files("meshgate.tour") / "scenarios" / f"{name}.yaml").read_text()
