"""Pages printed from the code, so that a manual cannot drift from it.

`python -m flows.docs` writes what differs, `--check` writes nothing and names it.

A page is one line of `PAGES`: its path in the repository and the function that gives its text. A part of a page that
people write is one line of `PARTS`. Pages with commands are walked (`WALKED`); `--check` leaves those to the tests that
walk them for their books.
"""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

from flows import checklist
from flows.examples import correction_of_example, invoice_of_example
from flows.lake.named_queries import queries
from flows.readable import READABLE, Readable
from flows.reference import reference_page
from flows.walkthrough import is_walked, walk
from rating import rejects
from rating.allocations.limit_reasons import LIMIT_REASONS
from rating.allocations.reasons import DISCOUNT_REASONS, GRANT_REASONS
from rating.ledger_entries import POSTINGS
from rating.operations import JUDGES, Judge
from rating.roles import MATRIX, NONE, SCOPES, roles_of
from schemas import HANDED_ON, INPUTS, INTERMEDIATE, OUTPUTS, REFERENCE, VIEWS, Table
from schemas.principals import ROLES
from schemas.units import MEANINGS

ROOT = Path(__file__).resolve().parents[1]
PRINTED = "<!-- Printed by `make docs`; edit what it is printed from, never this page. -->"


def main(arguments: list[str]) -> int:
    """Write the pages that differ, or with `--check` name them and return 1."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m flows.docs [--check]\n")
        return 2
    changed = stale(ROOT) if arguments else stale(ROOT) | stale_walks(ROOT)
    if arguments:
        sys.stderr.writelines(f"{path} is not what the code says; run: make docs\n" for path in changed)
        return 1 if changed else 0
    for path, text in changed.items():
        (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


def stale(root: Path) -> dict[str, str]:
    """Pages that are not there or say something else than the code, with what they should say."""
    wanted = {path: page() for path, page in PAGES.items()}
    wanted |= {path: _with_parts(root / path, parts) for path, parts in PARTS.items()}
    return {path: text for path, text in wanted.items() if not _holds(root / path, text)}


def stale_walks(root: Path) -> dict[str, str]:
    """Pages whose commands print something else than what stands below them."""
    pages = [page for pattern in WALKED for page in sorted(root.glob(pattern)) if is_walked(page)]
    with TemporaryDirectory() as folder:
        walked = {page: walk(page, Path(folder) / str(at)) for at, page in enumerate(pages)}
    return {str(page.relative_to(root)): text for page, text in walked.items() if not _holds(page, text)}


def _with_parts(page: Path, parts: Mapping[str, Callable[[], str]]) -> str:
    """A page that people write, with the parts between its marks printed anew."""
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        begin, end = f"<!-- begin {name}: printed by `make docs` -->", f"<!-- end {name} -->"
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        text = f"{before}{begin}\n{part()}{end}{after}"
    return text


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


# The data dictionary


def dictionary() -> str:
    """Every table, view and column: what it is, in what unit, by whose definition, with an example."""
    groups: dict[str, Mapping[str, type[Table]]] = {
        "Inputs": INPUTS,
        "Reference tables": REFERENCE,
        "Intermediate tables": INTERMEDIATE,
        "Handed on, and kept nowhere": HANDED_ON,
        "Outputs": OUTPUTS,
        "Views": VIEWS,
    }
    parts = [
        "# Data dictionary",
        PRINTED,
        "Printed from `schemas/`, one file per table. A source is a FOCUS column, an EN 16931 term (BT, BG), or a "
        "rule of the rule book. Amounts are in the `billing_currency` of their row. A column is never null "
        "unless it says so.",
        "## Column types",
        _rows(
            ("type", "stored as", "what it is"), ((name, f"`{kind}`", text) for name, (kind, text) in MEANINGS.items())
        ),
        "## Tables",
        "\n".join(f"- {group}: {', '.join(_link(name) for name in tables)}" for group, tables in groups.items()),
    ]
    for group, tables in groups.items():
        parts += [f"## {group}", *(part for name, schema in tables.items() for part in _table(name, schema))]
    return _page(parts)


def _link(name: str) -> str:
    return f"[{name}](#{name})"


def _table(name: str, schema: type[Table]) -> Iterator[str]:
    yield f"### {name}"
    yield dedent(schema.__doc__ or "").strip()
    yield f"Key: {', '.join(f'`{column}`' for column in schema.key()) or 'none; rows may repeat'}."
    yield _rows(("column", "type", "unit", "what it is", "source", "example"), _columns(schema))


def _columns(schema: type[Table]) -> Iterator[tuple[str, ...]]:
    types, words = schema.type_names(), schema.words()
    for name, said in schema.descriptions().items():
        default = [] if said["default"] is None else [f"blank is {said['default']}"]
        what = "; ".join([words[name], *default])
        yield f"`{name}`", types[name], said["unit"] or "", what, said["source"], f"`{said['example']}`"


# The rules, from the tests that show them


IN_ORDER = (
    "account_periods",
    "periods",
    "policies",
    "operations",
    "meters",
    "price_models",
    "rating_lines",
    "charges",
    "allocations",
    "projects",
    "consumption",
    "tax_breakdown",
    "orders",
    "reasons",
    "holds",
    "invoices",
    "issuing",
    "dues",
    "credit_limits",
    "grant_movements",
    "ledger_entries",
    "deltas",
)
"""The nouns as a month meets them; any other follows by name."""


def rules() -> str:
    """Every test module under tests/spec that has a title: its sentences and its worked tables."""
    parts = [
        "# Rules, by example",
        PRINTED,
        "Printed from `tests/spec/`. Each sentence is a test that runs; the numbers under it are worked by hand. "
        "A table shows only the columns that matter, and a blank cell is null.",
    ]
    spec = ROOT / "tests" / "spec"
    for noun in (*IN_ORDER, *sorted({path.parent.name for path in spec.rglob("test_*.py")} - set(IN_ORDER))):
        for path in sorted((spec / noun).rglob("test_*.py")):
            parts += rules_of(path.read_text(encoding="utf-8"))
    return _page(parts)


def rules_of(source: str) -> list[str]:
    """The page parts of one test module; none when it has no `title = "..."`."""
    module = ast.parse(source)
    title = next(
        (_text(one.value) for one in module.body if isinstance(one, ast.Assign) and _name(one) == "title"), None
    )
    if title is None:
        return []
    parts = [f"## {title}", *_prose(module), *_tables(one for one in module.body if isinstance(one, ast.Assign))]
    for test in module.body:
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
            parts += [f"### {_sentence(test.name)}", *_prose(test), *_tables(test.body)]
    return parts


TABLE_CALLS = ("table", "assert_table")


def _name(assignment: ast.Assign) -> str | None:
    target = assignment.targets[0]
    return target.id if isinstance(target, ast.Name) else None


def _text(value: ast.expr) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _sentence(name: str) -> str:
    """A test's name as people read it.

    >>> _sentence("test_a_quantity_past_the_first_tier_pays_both_prices")
    'A quantity past the first tier pays both prices'
    """
    words = name.removeprefix("test_").replace("_", " ")
    return words[:1].upper() + words[1:]


def _prose(node: ast.Module | ast.FunctionDef) -> list[str]:
    said = ast.get_docstring(node)
    return [said] if said else []


def _tables(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """The pipe tables of `table(…)` and `assert_table(…)` calls, in the order they are written."""
    calls = (node for one in statements for node in ast.walk(one) if isinstance(node, ast.Call))
    for call in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
        function = ast.unparse(call.func)
        texts = (text for text in map(_text, call.args) if text and "\n" in text.strip())
        for text in (text for text in texts if function in TABLE_CALLS or "|" in text):
            word = "Then" if function.startswith("assert_") else "Given"
            yield f"{word} {_schema_named(call)}:\n\n```\n{_lined_up(text)}\n```"


def _schema_named(call: ast.Call) -> str:
    """The name of the schema that a call hands on, in words."""
    classes = [
        one.id for one in call.args if isinstance(one, ast.Name) and one.id[:1].isupper() and not one.id.isupper()
    ]
    return " ".join(_words(classes[0])) if classes else "rows"


def _words(name: str) -> list[str]:
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced.split()


def _lined_up(text: str) -> str:
    return "\n".join(line.rstrip() for line in dedent(text.strip("\n")).splitlines()).strip("\n")


# The reasons

APPLIED = """\
select allocation_kind, tax_position, source_id, charge_id, amount
from allocations join invoice_lines using (charge_id) join invoices using (invoice_id)
where invoice_number = 'INV-2026-00001'
order by line_number, tax_position desc, allocation_order"""
"""What an analyst asks of the books where no reason is wanted."""


def reasons() -> str:
    """Every reason why something that came in is not billed as it stands, and why charges are lowered, paid, or not."""
    groups = {
        "Files": ("why a whole file is set aside", rejects.FILE_REASONS),
        "Rows": ("why a row is set aside", rejects.ROW_REASONS),
        "Accounts": ("why an account is held for a period", rejects.HOLD_REASONS),
        "Operations": ("why an operation is refused", rejects.OPERATION_REASONS),
        "Grants": ("why credit paid a charge, or did not", GRANT_REASONS),
        "Discounts": ("why a discount lowered a charge, or did not", DISCOUNT_REASONS),
        "Limits": ("why a maximum or minimum changed a bill, or did not", LIMIT_REASONS),
    }
    parts = [
        "# Reason codes",
        PRINTED,
        "Printed from `rating/rejects.py` and `rating/allocations/*reasons.py`. Programs match the code, people read "
        "the sentence; each row in `rejects`, `landed_files`, `holds` and `operations` adds what was found and what "
        "was wanted. The reasons of grants, discounts and limits are those of `billfold explain INVOICE`; what was "
        "applied is in the books too:\n\n"
        f"```sql\n{APPLIED}\n```",
    ]
    for group, (why, codes) in groups.items():
        parts += [f"## {group}: {why}"]
        parts += [_rows(("code", "sentence"), ((f"`{one.code}`", one.sentence) for one in codes.values()))]
    return _page(parts)


# The ledger


def ledger() -> str:
    """The postings: what each event debits and credits."""
    return _page(
        [
            "# The ledger",
            PRINTED,
            "Printed from `POSTINGS` in `rating/ledger_entries.py`. Double entry: a transaction sums to zero per "
            "currency, a debit is positive, and every entry names its source row. Parts in braces are columns of it, "
            "so `revenue/{service}` is one account per service.",
            _rows(
                ("event", "transaction", "debit", "credit"),
                ((one.event, one.transaction_kind, f"`{one.debit}`", f"`{one.credit}`") for one in POSTINGS),
            ),
        ]
    )


# Operations


def operations() -> str:
    """What each operation does, who may ask for it, and which fields it has."""
    return _page(
        [
            "# Operations",
            PRINTED,
            "Printed from `JUDGES` in `rating/operations.py`. A file of operations is CSV or JSON Lines; "
            "`billfold operations FILE` lands it. Every row has "
            + ", ".join(f"`{name}`" for name in sorted(OF_EVERY_ROW))
            + ", and may have `recorded_at`; what a field means is in [DATA.md](DATA.md#operations). A field that an "
            "operation does not have is `O_BAD_FIELD`; every reason is in [REASONS.md](REASONS.md). Staff may ask for "
            "all of them, the other roles for their own accounts: [ROLES.md](ROLES.md).",
            _rows(
                ("operation", "does", "needs", "may have", "asked for by"),
                (_operation(name, judge) for name, judge in JUDGES.items()),
            ),
        ]
    )


OF_EVERY_ROW = {"operation_id", "operation", "actor", "occurred_at", "billing_account_id"}


def _operation(name: str, judge: Judge) -> tuple[str, ...]:
    first = dedent(judge.carry_out.__doc__ or "").strip().partition("\n\n")[0]
    does = " ".join(first.split()).removeprefix(f"`{name}`: ")
    fields = [" ".join(f"`{column}`" for column in columns) for columns in (judge.required, judge.optional)]
    return f"`{name}`", does, *fields, ", ".join(sorted(roles_of(name))).replace("_", " ")


# Roles


def roles() -> str:
    """Who may do what, and what of each table and view an export holds."""
    parts = [
        "# Roles",
        PRINTED,
        "Printed from `MATRIX` in `rating/roles.py` and `READABLE` in `flows/readable.py`. Roles are rows of "
        "`principals`, dated like all reference data. A row that names a project is for that project only. "
        "An operation without a role for it is refused: a row with `O_FORBIDDEN`, and nothing changes.",
        _rows(
            ("action", *(role.replace("_", " ") for role in ROLES), "none"),
            ((_action(action), *cells.values(), NONE) for action, cells in MATRIX.items()),
        ),
        _rows(("word", "reaches"), SCOPES.items()),
        *(
            f"## {heading}\n\n{text}"
            for heading, text in {"How others read": EXPORTS, "Credit": CREDIT, "Projects": PROJECTS}.items()
        ),
        "## What an export holds",
        "Of a table or view that the principal may read for every account: all of it. Else these rows, and of these "
        "columns something else:",
        _rows(
            ("table or view", "who may", "rows", "shown otherwise"),
            ((f"`{name}`", one.action, one.words, _otherwise(one)) for name, one in sorted(READABLE.items())),
        ),
    ]
    return _page(parts)


EXPORTS = """\
Whoever can read the folder of a lake reads everything in it, and `show`, `explain` and `sql` ask it directly: roles do
not bind them. Everyone else gets an export: `billfold export --principal ada OUT`, a folder that leads to nothing else.
It holds a Parquet file for each table and view that the principal may read, the same rows in `billing.duckdb`, and
`manifest.json`: who, as what, of which accounts, as of which commit. Rows of other accounts are not in its bytes. Roles
are those of the commit's `principals` that are in force when its books were known (`known_as_of`), so a new row counts
once it is committed with a bill or an operation. Nobody gets an export who has no account. Of a transfer each side
reads its own movement and ledger entry, and the id of the other account; the entries of a transaction may therefore not
add up to zero in an export."""

CREDIT = """\
Organization credit and credit of projects is read with the books. Any other grant (free, paid, bonus, promotional) is
read in `grants`, its movements and its history by who may read the pages of free and paid credit, and by who may read
operations and ledger, which name it too: what a page withholds no table tells. Invoices are read whole, also what
credit paid of them."""

PROJECTS = """\
A row of `principals` with a project allows no operation. It reads the rows of that project in tables that name
projects, the usage and grants of the project, and the price book; of the account itself (invoices, limits, its prices)
nothing."""


def _action(action: str) -> str:
    return f"`{action}`" if action in JUDGES else action


def _otherwise(readable: Readable) -> str:
    return "; ".join(f"`{column}`: {words}" for column, (_, words) in readable.shown.items())


# Reference data


def reference() -> str:
    """What each reference table holds, with its defaults and what this version refuses."""
    title, _, rest = reference_page().partition("\n\n")
    return f"{title}\n\n{PRINTED}\n\n{rest}"


# The README's invoice


def first_invoice() -> str:
    """The invoice of the smallest example, billed here and now in a folder that is gone afterwards."""
    lines = invoice_of_example(ROOT / "data" / "examples" / "first_invoice", "acme")
    return f"```text\n{lines}```\n"


# What every audit asks


@cache
def _corrected() -> Mapping[str, str]:
    return correction_of_example(ROOT / "data" / "examples" / "first_invoice")


def correction(part: str) -> str:
    """A part of the page about corrections, as the commands print it."""
    return f"```text\n{_corrected()[part].rstrip()}\n```\n"


def invariants() -> str:
    """What must be true of the books before anything is committed."""
    asked = sorted(queries("invariants"), key=lambda query: query.name)
    return _page(
        [
            "# Invariants",
            PRINTED,
            "Printed from `flows/lake/invariants/`, one query each that returns the rows that break it. Before a "
            "commit those are asked, of what is about to be visible, that read anything that changes. One that is of "
            "certain rows (`-- of:`) is asked where there are any. One that looks at each month by itself then leaves "
            "out, in a lake of some size, the months whose files stay and of which the last run said nothing. "
            "`billfold audit` asks all of them of all months, as of any commit.",
            _rows(
                ("invariant", "looks at", "what it says"),
                ((f"`{one.name}`", "each month" if one.is_by_period else "all", one.sentence) for one in asked),
            ),
        ]
    )


# How fast


def performance() -> str:
    """The goals of speed and memory, what was reached and on which machine, and what others take for the same.

    The benchmarks are no part of what is installed, so they are asked for by name.
    """
    return str(import_module("tests.benchmarks.page").page(PRINTED))


# Markdown


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _rows(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;") if not text.startswith("`") else text.replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "docs/DATA.md": dictionary,
    "docs/INVARIANTS.md": invariants,
    "docs/LEDGER.md": ledger,
    "docs/OPERATIONS.md": operations,
    "docs/PERFORMANCE.md": performance,
    "docs/REASONS.md": reasons,
    "docs/REFERENCE.md": reference,
    "docs/ROLES.md": roles,
    "rating/RULES.md": rules,
}

PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"first invoice": first_invoice, "systems": checklist.table},
    "docs/CORRECTIONS.md": {name: partial(correction, name) for name in ("backfill", "credit note", "history")},
}
"""Pages that people write, of which these parts are printed."""

WALKED = ("data/examples/*/README.md", "docs/*.md")
"""Pages that people write, whose commands are run."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
