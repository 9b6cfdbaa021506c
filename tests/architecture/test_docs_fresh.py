"""The printed pages say what the code says."""

from pathlib import Path

import pytest

from flows import docs


def test_the_printed_pages_equal_their_files():
    assert list(docs.stale(docs.ROOT)) == [], "run: make docs"


def test_check_names_stale_pages_writes_nothing_and_fails(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "PAGES", {"fresh.md": lambda: "said\n", "stale.md": lambda: "said anew\n"})
    monkeypatch.setattr(docs, "PARTS", {})
    (tmp_path / "fresh.md").write_text("said\n", encoding="utf-8")
    assert docs.main(["--check"]) == 1
    assert capsys.readouterr().err == "stale.md is not what the code says; run: make docs\n"
    assert not (tmp_path / "stale.md").exists()


def test_writing_makes_every_page_fresh(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "PAGES", {"stale.md": lambda: "said anew\n"})
    monkeypatch.setattr(docs, "PARTS", {})
    assert docs.main([]) == 0
    assert capsys.readouterr().out == "stale.md\n"
    assert docs.main(["--check"]) == 0


def test_a_part_of_a_page_that_people_write_is_printed_between_its_marks(tmp_path: Path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin sum: printed by `make docs` -->\nold\n<!-- end sum -->\nafter\n")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "PAGES", {})
    monkeypatch.setattr(docs, "PARTS", {"page.md": {"sum": lambda: "1 + 1 = 2\n"}})
    assert docs.main(["--check"]) == 1
    assert docs.main([]) == 0
    assert page.read_text() == (
        "before\n<!-- begin sum: printed by `make docs` -->\n1 + 1 = 2\n<!-- end sum -->\nafter\n"
    )
    assert docs.main(["--check"]) == 0


def test_an_unknown_option_is_refused(capsys):
    assert docs.main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err


SPEC = '''
"""Tiers meet end to end."""
title = "Graduated: each slice at the price of its own tier"

TIERS = table(PriceTiers, """
    up_to | unit_price
    10    |          2
""")

def test_a_quantity_past_the_first_tier_pays_both_prices():
    """Ten at 2, two at 1."""
    found = graduated(table(RatingLines, """
        pricing_quantity
        12
    """), TIERS)
    assert_table(found, RatingLines, """
        pricing_quantity | list_cost
                      12 |     22.00
    """)

def helper(): ...
'''

PAGE = """\
## Graduated: each slice at the price of its own tier

Tiers meet end to end.

Given price tiers:

```
up_to | unit_price
10    |          2
```

### A quantity past the first tier pays both prices

Ten at 2, two at 1.

Given rating lines:

```
pricing_quantity
12
```

Then rating lines:

```
pricing_quantity | list_cost
              12 |     22.00
```"""


def test_a_rule_is_its_sentences_and_their_tables():
    assert "\n\n".join(docs.rules_of(SPEC)) == PAGE


def test_a_test_module_without_a_title_is_no_rule():
    assert docs.rules_of("def test_something(): ...") == []


@pytest.mark.parametrize("page", docs.PAGES)
def test_a_page_says_that_it_is_printed(page: str):
    assert docs.PRINTED in docs.PAGES[page]()
