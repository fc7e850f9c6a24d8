"""Comparisons of texts: one value of the plan, several spellings in Envoy's API."""

from __future__ import annotations

from typing import assert_never

from meshgate.plan.values import (
    HeaderMatch,
    MetadataMatch,
    QueryMatch,
    TextExact,
    TextMatch,
    TextPrefix,
    TextPresent,
    TextRegex,
    TextSuffix,
)
from meshgate.proto import v3


def string_matcher(match: TextMatch) -> v3.StringMatcherDict:
    match match:
        case TextExact():
            return {"exact": match.value, "ignore_case": match.ignore_case}
        case TextPrefix():
            return {"prefix": match.value, "ignore_case": match.ignore_case}
        case TextSuffix():
            return {"suffix": match.value, "ignore_case": match.ignore_case}
        case TextRegex():
            return {"safe_regex": {"regex": match.value}}
        case _:
            assert_never(match)


def header_matcher(header: HeaderMatch) -> v3.HeaderMatcherDict:
    spelled: v3.HeaderMatcherDict = {
        "name": header.name,
        "invert_match": header.invert,
        "treat_missing_header_as_empty": header.treat_missing_as_empty,
    }
    if isinstance(header.match, TextPresent):
        spelled["present_match"] = True
    else:
        spelled["string_match"] = string_matcher(header.match)
    return spelled


def query_matcher(query: QueryMatch) -> v3.QueryParameterMatcherDict:
    if isinstance(query.match, TextPresent):
        return {"name": query.name, "present_match": True}
    return {"name": query.name, "string_match": string_matcher(query.match)}


def metadata_matcher(metadata: MetadataMatch) -> v3.MetadataMatcherDict:
    value: v3.ValueMatcherDict
    if isinstance(metadata.match, TextPresent):
        value = {"present_match": True}
    else:
        value = {"string_match": string_matcher(metadata.match)}
    return {
        "filter": metadata.filter,
        "path": [{"key": key} for key in metadata.path],
        "value": {"list_match": {"one_of": value}} if metadata.in_list else value,
        "invert": metadata.invert,
    }
