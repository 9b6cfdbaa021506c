"""Who may do what, as it was agreed: each cell of this page is walked by a test.

Written beside the code's own matrix and never made from it, so that a cell cannot change in one place alone.
"""

# ruff: noqa: E501 - a table is read across, not folded

DRAWN = """
action                                      | staff | support | organization_owner         | billing_manager | member | analyst | none
read the price book                         | all   | all     | own                        | own             | own    | granted | none
read organization credit, invoices, history | all   | all     | own                        | own             | none   | granted | none
read free and paid credit pages             | all   | all     | own, if billing manager too | own             | none   | none    | none
read rejects, operations, ledger            | all   | all     | none                       | none            | none   | granted | none
grant_credit                                | all   | none    | none                       | none            | none   | none    | none
purchase_credit                             | all   | none    | none                       | none            | none   | none    | none
allocate_to_project                         | all   | none    | own                        | none            | none   | none    | none
transfer_credit                             | all   | none    | own, both sides            | own, both sides | none   | none    | none
transfer paid credit                        | none  | none    | none                       | none            | none   | none    | none
recover_credit                              | all   | none    | none                       | none            | none   | none    | none
refund_credit                               | all   | none    | none                       | none            | none   | none    | none
accept_promo_code                           | all   | none    | own                        | own             | none   | none    | none
record_payment                              | all   | none    | none                       | none            | none   | none    | none
reverse_payment                             | all   | none    | none                       | none            | none   | none    | none
set_credit_limit                            | all   | none    | none                       | none            | none   | none    | none
add_charge                                  | all   | none    | none                       | none            | none   | none    | none
issue_invoices                              | all   | none    | none                       | none            | none   | none    | none
void_invoice                                | all   | none    | none                       | none            | none   | none    | none
approve a held bill                         | all   | none    | none                       | none            | none   | none    | none
"""


def _read(text: str) -> dict[tuple[str, str], str]:
    """The cell of each action and role."""
    header, *lines = ([cell.strip() for cell in line.split("|")] for line in text.strip().splitlines())
    return {(line[0], role): cell for line in lines for role, cell in zip(header[1:], line[1:], strict=True)}


CELLS = _read(DRAWN)
ACTIONS = tuple(dict.fromkeys(action for action, _ in CELLS))
COLUMNS = tuple(dict.fromkeys(role for _, role in CELLS))
