"""The store's rules, pure: what a list of writes does to Kubernetes objects, and how refusals are worded.

Reads raw objects and a view of the stored ones, gives changes. May import api and errors; no I/O,
no clock, no chance: they come in as `Sources`.
"""

from .apply import LAST_APPLIED
from .faults import Cause, Details, StatusFault, bad_request, conflict, forbidden, invalid, not_found
from .immutable import immutable_fault
from .kinds import Kinds, has_status, is_custom, kinds_table, resource_name
from .metadata import Sources
from .overlay import View
from .raw import Positions, Raw, meta
from .refusal import Inadmissible, refusal
from .selectors import EVERYTHING, Selector, exact_labels, field_terms, label_terms
from .transaction import Transaction, ref_of, transaction
from .writes import (
    Apply,
    Change,
    Create,
    Delete,
    Modify,
    Outcome,
    Propagation,
    Result,
    ServerApply,
    SetStatus,
    Update,
    Write,
)

__all__ = [
    "EVERYTHING",
    "LAST_APPLIED",
    "Apply",
    "Cause",
    "Change",
    "Create",
    "Delete",
    "Details",
    "Inadmissible",
    "Kinds",
    "Modify",
    "Outcome",
    "Positions",
    "Propagation",
    "Raw",
    "Result",
    "Selector",
    "ServerApply",
    "SetStatus",
    "Sources",
    "StatusFault",
    "Transaction",
    "Update",
    "View",
    "Write",
    "bad_request",
    "conflict",
    "exact_labels",
    "field_terms",
    "forbidden",
    "has_status",
    "immutable_fault",
    "invalid",
    "is_custom",
    "kinds_table",
    "label_terms",
    "meta",
    "not_found",
    "ref_of",
    "refusal",
    "resource_name",
    "transaction",
]
