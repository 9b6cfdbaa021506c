"""The vocabulary: one class per table, `TABLES` and `VIEWS` by name; the order is the order of the data dictionary."""

from schemas.account_periods import AccountPeriods
from schemas.account_restrictions import AccountRestrictions
from schemas.allocations import Allocations
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.charges import Charges
from schemas.cost_policies import CostPolicies
from schemas.cost_policy_events import CostPolicyEvents
from schemas.cost_policy_measures import CostPolicyMeasures
from schemas.currencies import Currencies
from schemas.discounts import Discounts
from schemas.expense_numbers import ExpenseNumbers
from schemas.grant_kinds import GrantKinds
from schemas.grant_movements import GrantMovements
from schemas.grants import Grants
from schemas.holds import Holds
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.landed_files import LandedFiles
from schemas.ledger_entries import LedgerEntries
from schemas.metered_usage import MeteredUsage
from schemas.operations import Operations
from schemas.payment_applications import PaymentApplications
from schemas.price_tiers import PriceTiers
from schemas.principals import Principals
from schemas.promo_codes import PromoCodes
from schemas.rating_lines import RatingLines
from schemas.recurring_items import RecurringItems
from schemas.rejects import Rejects
from schemas.sellers import Sellers
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.spend_limits import SpendLimits
from schemas.stored_usage import StoredUsage
from schemas.sub_accounts import SubAccounts
from schemas.table import Table, TableError
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_rates import TaxRates
from schemas.tax_shares import TaxShares
from schemas.unit_conversions import UnitConversions
from schemas.unpriced_usage import UnpricedUsage
from schemas.usage_records import UsageRecords
from schemas.usage_series import UsageSeries
from schemas.views.active_discounts import ActiveDiscounts
from schemas.views.bonus_credits import BonusCredits
from schemas.views.cost_policy_states import CostPolicyStates
from schemas.views.credit_history import CreditHistory
from schemas.views.credit_limit_overview import CreditLimitOverview
from schemas.views.credit_overview import CreditOverview
from schemas.views.current_restrictions import CurrentRestrictions
from schemas.views.free_credits import FreeCredits
from schemas.views.grant_balances import GrantBalances
from schemas.views.organization_credits import OrganizationCredits
from schemas.views.paid_credits import PaidCredits
from schemas.views.project_costs import ProjectCosts
from schemas.views.project_credits import ProjectCredits
from schemas.views.promo_codes_available import PromoCodesAvailable
from schemas.views.runs import Runs
from schemas.views.trial_balance import TrialBalance
from schemas.views.usage_by_month import UsageByMonth


def _by_name(*tables: type[Table]) -> dict[str, type[Table]]:
    return {table.table_name(): table for table in tables}


INPUTS = _by_name(UsageRecords, Operations)
"""Usage and operations: append-only, named by content."""

REFERENCE = _by_name(
    Sellers,
    BillingAccounts,
    SubAccounts,
    Skus,
    UnitConversions,
    SkuPrices,
    PriceTiers,
    RecurringItems,
    SpendLimits,
    Discounts,
    GrantKinds,
    PromoCodes,
    TaxRates,
    Currencies,
    BillingPolicies,
    CostPolicies,
    Principals,
)
"""Small, dated, edited by people, in a reference folder."""

INTERMEDIATE = _by_name(
    StoredUsage,
    UsageSeries,
    AccountPeriods,
    RatingLines,
    Charges,
    ExpenseNumbers,
    Grants,
    Allocations,
    TaxBreakdown,
    TaxShares,
    GrantMovements,
    Holds,
    UnpricedUsage,
    CostPolicyMeasures,
)
"""The state of a period between usage and documents, and how the lake holds usage."""

HANDED_ON = _by_name(MeteredUsage)
"""What one stage makes and the next reads, and nothing keeps: no file and no view has it."""

OUTPUTS = _by_name(
    LandedFiles,
    Rejects,
    Invoices,
    InvoiceLines,
    LedgerEntries,
    PaymentApplications,
    AccountRestrictions,
    CostPolicyEvents,
)
"""What billing makes of it, and what became of every file and row."""

VIEWS = _by_name(
    Runs,
    GrantBalances,
    BonusCredits,
    ActiveDiscounts,
    CreditLimitOverview,
    CreditOverview,
    PromoCodesAvailable,
    OrganizationCredits,
    ProjectCredits,
    ProjectCosts,
    FreeCredits,
    PaidCredits,
    CreditHistory,
    TrialBalance,
    UsageByMonth,
    CostPolicyStates,
    CurrentRestrictions,
)
"""What people read (rule 12), made by queries over the tables."""

TABLES: dict[str, type[Table]] = INPUTS | REFERENCE | INTERMEDIATE | OUTPUTS
"""Every table that is stored, by name."""

__all__ = ["HANDED_ON", "INPUTS", "INTERMEDIATE", "OUTPUTS", "REFERENCE", "TABLES", "VIEWS", "Table", "TableError"]
