"""No operation, role, table or view without a cell: what is new has to say who may do or read it."""

import pytest

import schemas
from flows.lake.named_queries import queries
from flows.readable import READABLE
from rating.operations import JUDGES
from rating.roles import APPROVE_HELD_BILL, MATRIX, NONE, READS, SCOPES, TRANSFER_PAID_CREDIT
from schemas.principals import ROLES, Principals
from tests.flows.billing.test_bounds import ROLES as APPROVERS
from tests.flows.roles.matrix import ACTIONS, CELLS, COLUMNS
from tests.flows.roles.test_operations import WALKED
from tests.flows.roles.test_reads import READERS


def test_every_operation_and_every_kind_of_reading_has_a_line():
    assert set(MATRIX) == {*JUDGES, *READS, TRANSFER_PAID_CREDIT, APPROVE_HELD_BILL}


def test_every_role_has_a_cell_in_every_line():
    assert f"one of {', '.join(ROLES)}" in Principals.descriptions()["role"]["checks"]
    for action, line in MATRIX.items():
        assert tuple(line) == ROLES, action
        assert set(line.values()) <= set(SCOPES), action


def test_the_matrix_is_the_one_that_was_agreed():
    assert (*ROLES, "none") == COLUMNS
    assert tuple(MATRIX) == ACTIONS
    assert {cell: MATRIX[cell[0]].get(cell[1], NONE) for cell in CELLS} == CELLS


def test_every_cell_is_walked():
    """By operations that are landed, by exports that are made, or by bills that are approved."""
    assert set(WALKED) | set(READERS) | {(APPROVE_HELD_BILL, role) for role in APPROVERS} == set(CELLS)


def test_every_table_and_view_says_who_may_read_it():
    shown = {query.name for query in queries("views") if not query.name.startswith("internal.")}
    assert set(READABLE) == {*schemas.TABLES, *schemas.VIEWS, *shown}


@pytest.mark.parametrize("name", READABLE)
def test_what_is_read_is_an_action_of_the_matrix_and_what_is_shown_otherwise_a_column(name: str):
    one = READABLE[name]
    assert one.action in READS
    assert set(one.shown) <= set((schemas.TABLES | schemas.VIEWS)[name].columns())


def test_a_view_that_adds_accounts_up_reads_only_what_its_reader_reads():
    views = {query.name: query.reads for query in queries("views")}
    for name, one in READABLE.items():
        if one.over_own:
            assert {READABLE[read].action for read in views[name]} == {one.action}, name
