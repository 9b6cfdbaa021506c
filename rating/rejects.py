"""Every reason why something that came in is not billed as it stands, with the sentence people read.

`F_` is why a whole file is set aside, `R_` why a row is, `H_` (and `R_NO_PRICE`) why an account is held for a period,
`O_` why an operation is refused. Tests and programs match the code, people read the sentence; `said` adds what was
found and what was wanted.

Source   rule book U1 to U6, P4, O1 to O3, K7; the fates and reason codes of the reliability page
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """A reason code and the sentence that explains it; the sentence says what to do where there is something to do."""

    code: str
    sentence: str


def _table(sentences: Mapping[str, str]) -> dict[str, Reason]:
    return {code: Reason(code, sentence) for code, sentence in sentences.items()}


FILE_REASONS: dict[str, Reason] = _table(
    {
        "F_EMPTY": "the file holds nothing; ask the sender for it again",
        "F_NOT_PARQUET": "the file should be Parquet but does not begin with its mark; ask the sender for it again",
        "F_TRUNCATED": "the file ends before its format says it may; ask the sender for the whole file",
        "F_CORRUPT_FOOTER": "the footer of the Parquet file cannot be read; ask the sender for the file again",
        "F_CORRUPT_PAGE": "a page of the Parquet file cannot be read; ask the sender for the file again",
        "F_CHECKSUM": "the bytes do not match their checksum; ask the sender for the file again",
        "F_ENCRYPTED": "the file is encrypted, and billfold is given no keys; send it in the clear",
        "F_ENCODING": "the text is not UTF-8; send it as UTF-8",
        "F_MALFORMED_CSV": "the file is not CSV with one header row; quotes must be closed and names not empty",
        "F_MALFORMED_JSON": "the file is not JSON Lines: one object per line",
        "F_SCHEMA_MISSING_COLUMN": "a column that usage needs is missing; add it, or say in a mapping where it is",
        "F_SCHEMA_TYPE": "a column has a type that cannot be read without losing something",
        "F_SCHEMA_AMBIGUOUS": "two columns answer to one name; rename one",
        "F_TOO_MANY_COLUMNS": "the file has more than 1,000 columns",
        "F_EXPANSION_LIMIT": "the file unpacks to more than 200 times its size",
        "F_ROW_LIMIT": "the file has more than 2,147,483,648 rows; split it",
        "F_NAIVE_TIMESTAMP": 'the times of the file have no zone; say which in a mapping (zone = "UTC")',
        "F_PARTITION_CONFLICT": "a column of the file contradicts the folder name that carries the same column",
        "F_UNSAFE_PATH": "the path leaves the delivery, by a link or a name that is not plain",
        "F_NOT_REGULAR": "this is not a regular file",
        "F_UNREADABLE": "the file cannot be opened; check that it is there and may be read",
        "F_UNLISTED": "the manifest of the delivery does not name the file",
        "F_MANIFEST_MISSING_FILE": "the manifest names a file that did not come",
        "F_ROWCOUNT_MISMATCH": "the file has another number of rows than it or its manifest says",
        "F_CONTROL_TOTAL_MISMATCH": "the quantities of the file add up to another total than its manifest says",
        "F_NOT_DATA": "the file is not Parquet, CSV or JSON Lines (plain, gzip or zstd)",
        "F_CRASHED_READER": "reading the file ended the reader",
    }
)

ROW_REASONS: dict[str, Reason] = _table(
    {
        "R_MISSING_FIELD": "a required field is empty",
        "R_BAD_ID": "an id is 1 to 512 printable characters",
        "R_BAD_ENCODING": "the row is not UTF-8",
        "R_FIELD_TOO_LONG": "an id has at most 512 characters",
        "R_UNKNOWN_ACCOUNT": "the billing account is not in billing_accounts",
        "R_ACCOUNT_CLOSED": "the billing account is not open at the start of the record",
        "R_UNKNOWN_PROJECT": "the sub-account is not in sub_accounts",
        "R_PROJECT_MISMATCH": "the sub-account belonged to another billing account at the start of the record",
        "R_UNKNOWN_SKU": "the SKU is not in skus at the start of the record; add a row",
        "R_UNIT_MISMATCH": "the unit is not the pricing unit of the SKU, and no conversion leads to it",
        "R_BAD_NUMBER": "a number is digits, with at most a minus before and a point between; no exponent, no blanks",
        "R_NOT_FINITE": "a quantity is a finite number",
        "R_NEGATIVE_QUANTITY": "a quantity is not negative unless its SKU allows corrections",
        "R_QUANTITY_TOO_PRECISE": "a quantity has at most 15 decimals",
        "R_QUANTITY_OUT_OF_RANGE": "a quantity lies within ±100,000,000,000,000",
        "R_BAD_TIMESTAMP": "an instant is ISO 8601 with an offset or Z, to the microsecond",
        "R_NAIVE_TIMESTAMP": 'the time has no zone; say which in a mapping (zone = "UTC")',
        "R_TIME_REVERSED": "the record ends before it starts",
        "R_DURATION_TOO_LONG": "the record spans more than 366 days",
        "R_FUTURE": "the record starts after it was received",
        "R_TOO_OLD": "the record starts in a period that takes no more usage",
        "R_DUPLICATE_CONFLICT": "another record has the same id and revision but other content",
        "R_COLUMN_COUNT": "the row has another number of fields than the header",
        "R_MALFORMED_JSON": "the line is not a JSON object",
        "R_JSON_TYPE": "a field of the line has the wrong JSON type",
        "R_JSON_DUP_KEY": "a field stands twice in the line",
        "R_NOT_USAGE": "the row is a charge that is not usage",
        "R_MULTIPLE": "several reasons at once",
    }
)

HOLD_REASONS: dict[str, Reason] = _table(
    {
        "R_NO_PRICE": "usage without a price in the account's currency; add a row to sku_prices",
        "H_NO_TAX_RATE": "a charge has no tax rate; add a row to tax_rates",
        "H_NO_CONVERSION": "no conversion leads from the unit used to the pricing unit; add a row to unit_conversions",
        "H_AMOUNT_OUT_OF_RANGE": "an amount of 10^14 or more; mend the price or the quantity",
        "H_QUANTITY_OUT_OF_RANGE": "a converted quantity needs more than 37 digits; mend the factor or the records",
        "H_ACCOUNT_CLOSED": "the account has usage or charges but is not open in the period; mend billing_accounts",
        "H_NO_CURRENCY": "the account's currency has no exponent; add a row to currencies",
        "H_NO_SELLER": "the account's seller is not open in the period; add a row to sellers",
        "H_ISSUED": "what should be billed has changed since the invoice was issued; a backfill posts the difference",
        "H_KEPT": "the invoice stays as it is: the account is gone, has another currency or one of fewer digits; "
        "mend billing_accounts or currencies",
        "H_VOIDED": "the invoice was voided; bill the period again, or backfill it where a later one is billed",
    }
)

OF_ISSUED = ("H_ISSUED", "H_KEPT")
"""Holds of accounts whose books of the period are whole: their invoice stands, and only what is new waits."""

OPERATION_REASONS: dict[str, Reason] = _table(
    {
        "O_FORBIDDEN": "the actor's role does not allow it",
        "O_PRECISE": "the amount has more digits than its currency",
        "O_INSUFFICIENT_BALANCE": "the free balance does not cover the amount",
        "O_PROMO_ALREADY_ACCEPTED": "the account has accepted the promo code as often as it may",
        "O_PROMO_EXHAUSTED": "the promo code has been accepted as often as it may be",
        "O_PROMO_NOT_VALID": "the promo code is not valid on this date",
        "O_PROMO_NOT_ALLOWED": "the promo code is not meant for this account",
        "O_INVOICE_PAID": "the invoice has payments; reverse them first",
        "O_ALREADY_VOIDED": "the invoice is voided already",
        "O_UNKNOWN_ACCOUNT": "the billing account is not in billing_accounts",
        "O_UNKNOWN_KIND": "grant_kinds has no such kind for this",
        "O_UNKNOWN_GRANT": "the account has no grant with this id by then",
        "O_NOT_TRANSFERABLE": "the kind is never transferred, or the grant is for a project",
        "O_SAME_ACCOUNT": "the account that would receive it is the one that sends it",
        "O_OTHER_DOMAIN": "the account that would receive it is of another domain",
        "O_NOT_ALLOCATABLE": "only credit of an organization that is for no project is allocated",
        "O_NOT_RECOVERABLE": "only free credit is recovered; paid credit is refunded",
        "O_NOT_REFUNDABLE": "only paid credit is refunded; free credit is recovered",
        "O_GRANT_ENDED": "the grant has ended",
        "O_UNKNOWN_PROMO_CODE": "the promo code is not in promo_codes",
        "O_UNKNOWN_PROJECT": "the billing account has no such sub-account in sub_accounts",
        "O_UNKNOWN_SKU": "the SKU is not in skus",
        "O_UNKNOWN_INVOICE": "no issued document has this number",
        "O_UNKNOWN_PAYMENT": "the account has no accepted payment with this id by then",
        "O_ALREADY_REVERSED": "the payment is reversed already",
        "O_UNKNOWN_ACTOR": "the actor is not in principals",
        "O_CURRENCY": "the currency is not the account's",
        "O_AMOUNT": "the amount is missing, zero, not positive where it must be, or out of range",
        "O_WINDOW": "the window is empty or ends before it starts",
        "O_SCOPE": "a value of the include or exclude list is not dimension:value with a known dimension",
        "O_MISSING_FIELD": "a field that the operation needs is empty",
        "O_BAD_FIELD": "a field of the operation cannot be read",
        "O_UNKNOWN_OPERATION": "there is no such operation",
        "O_UNSUPPORTED": "the operation is known, but billfold does not do it",
        "O_ID_CONFLICT": "two operations that came together, or two grants, have this id; give one of them another",
        "O_ONCE_PER_DOMAIN": "a domain gets this kind once, on its main account",
        "O_NOTHING_TO_ISSUE": "no draft of the period is ready to issue",
        "O_ALREADY_ISSUED": "the documents of the period are issued",
        "O_MANDATORY_FIELD": "a document lacks a field that the law asks for",
        "O_SOLD_CREDIT": "the document is of sold credit, and was paid with it; to take it back, refund the credit",
        "O_NO_SELLER": "the sale needs an invoice, and the account's seller is not open then; add a row to sellers",
        "O_NO_TAX_RATE": "the sale needs an invoice, and there is no tax rate for it; add a row to tax_rates",
        "O_ISSUE_DATE": "the issue date is before the month is over or before what is corrected, or past any due date",
        "O_STALE_DRAFT": "the books have moved since the draft was made; bill the period again, or backfill it",
    }
)

REASONS: dict[str, Reason] = FILE_REASONS | ROW_REASONS | HOLD_REASONS | OPERATION_REASONS


def said(code: str, found: str = "", wanted: str = "") -> str:
    """Say a reason to a person: its sentence, then what was found and what was wanted.

    >>> said("R_UNKNOWN_SKU", found="'vm-9'")
    "the SKU is not in skus at the start of the record; add a row: found 'vm-9'"
    >>> said("F_SCHEMA_TYPE", found="sku_id DOUBLE", wanted="text")
    'a column has a type that cannot be read without losing something: found sku_id DOUBLE, wanted text'
    """
    details = ", ".join(part for part in (found and f"found {found}", wanted and f"wanted {wanted}") if part)
    sentence = REASONS[code].sentence
    return f"{sentence}: {details}" if details else sentence
