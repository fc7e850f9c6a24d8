"""Who issues tokens of ServiceAccounts and knows whose one is: a part of the program that the API asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from meshgate.ca.tokens import AccountToken, BoundPod
from meshgate.store.core import Raw


class AccountTokens(Protocol):
    """Issues tokens, and knows whose a token is."""

    @property
    def api_audience(self) -> str:
        """The audience of tokens that name none."""
        ...

    def issue(
        self, account: Raw, audiences: Sequence[str], lifetime: timedelta, pod: BoundPod | None
    ) -> tuple[str, datetime]:
        """A token for a ServiceAccount that is in the store, and when it expires."""
        ...

    def review(self, text: str, audiences: Sequence[str]) -> AccountToken:
        """Whose a token is that is good now for one of the audiences. Raises TokenRefused."""
        ...
