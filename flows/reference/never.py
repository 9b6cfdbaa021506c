"""What billfold does not do at all (rule book, section 14), by the names under which people ask for it.

A file or column of such a name is refused with the reason instead of "unknown": a setting that is silently ignored is
a wrong bill.
"""

from collections.abc import Mapping

TAX_INCLUSIVE = "billfold has no tax-inclusive prices: give the price without tax"
IN_ADVANCE = "billfold does not bill in advance nor repair plan changes: recurring items are billed in arrears"
COMPOUND = "billfold has no compound taxes: all components of a match apply to the same base"
ROLLOVER = "billfold has no rollover or recurring grants: grant twelve dated ones"
CONVERSION = "billfold converts no currency: give amounts in the account's currency"
CREDIT_UNITS = "one credit unit is one unit of currency in billfold: give the grant's amount as money"
DEBT = "a grant in billfold cannot go into debt: its balance ends at zero"
MIXED_BLOCKS = "billfold has no tiered packages with mixed block sizes: package_size belongs to the price"
LIVE = "billfold keeps no live balances between runs: the month-to-date draft is the pending view"

NEVER: Mapping[str, str] = {
    # tables
    "exchange_rates": CONVERSION,
    "currency_rates": CONVERSION,
    "fx_rates": CONVERSION,
    "live_balances": LIVE,
    # columns
    "tax_inclusive": TAX_INCLUSIVE,
    "is_tax_inclusive": TAX_INCLUSIVE,
    "price_includes_tax": TAX_INCLUSIVE,
    "price_with_tax": TAX_INCLUSIVE,
    "in_advance": IN_ADVANCE,
    "billing_timing": IN_ADVANCE,
    "billed_in_advance": IN_ADVANCE,
    "compound": COMPOUND,
    "is_compound": COMPOUND,
    "compounds_on": COMPOUND,
    "rollover": ROLLOVER,
    "recurring": ROLLOVER,
    "recurrence": ROLLOVER,
    "exchange_rate": CONVERSION,
    "credit_unit_rate": CREDIT_UNITS,
    "unit_rate": CREDIT_UNITS,
    "allow_negative": DEBT,
    "may_overdraw": DEBT,
    "package_size": MIXED_BLOCKS,  # in price_tiers; in sku_prices it is a known column
}
