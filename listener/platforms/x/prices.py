"""What X charges for what, as settings: its own pages say that prices change."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from desk.model.spending import MICRO

Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class XPrices(BaseModel):
    """US dollars for one of each: X API documentation, "Pricing" (pay per usage, 2026)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    post: Dollars = Decimal("0.005")
    owned_post: Dollars = Decimal("0.001")
    """Own mentions and own posts, read with the keys of the app's owner ("Owned Reads")."""
    user: Dollars = Decimal("0.010")
    direct_message: Dollars = Decimal("0.010")
    reply: Dollars = Decimal("0.010")
    """To an author who summoned the account; no other reply can be sent."""
    reply_with_link: Dollars = Decimal("0.200")
    sent_direct_message: Dollars = Decimal("0.015")


def micro_usd(dollars: Decimal) -> int:
    """In millionths, rounded up: nothing is counted for less than it costs."""
    return int((dollars * MICRO).to_integral_value(ROUND_CEILING))
