"""Pages that are walked say what their commands print."""

from pathlib import Path

from flows.walkthrough import is_walked, walk

PAGE = """\
# A page

```console
$ billfold init
$ cat said.txt && false
old words
```

```text
$ not a command
```

```console
$ billfold show \\
    invoices
```
"""

WALKED = """\
# A page

```console
$ billfold init
lake       lake
reference  reference with the default tables; add your sellers, accounts, SKUs, prices and tax rates
next       billfold ingest FILES
$ cat said.txt && false
what the file says
[exit code 1]
```

```text
$ not a command
```

```console
$ billfold show \\
    invoices
none
```
"""


def test_below_each_command_stands_what_it_prints_and_the_exit_code_where_it_is_not_0(tmp_path: Path) -> None:
    page = tmp_path / "page" / "README.md"
    (page.parent / "reference").mkdir(parents=True)
    page.write_text(PAGE, encoding="utf-8")
    (page.parent / "said.txt").write_text("\nwhat the file says  \n\n", encoding="utf-8")
    walked = walk(page, tmp_path / "walked")
    assert walked == WALKED
    assert page.read_text(encoding="utf-8") == PAGE
    assert sorted(path.name for path in page.parent.iterdir()) == ["README.md", "reference", "said.txt"]


def test_a_page_of_no_example_is_walked_beside_the_project_s_data(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "PAGE.md"
    page.parent.mkdir()
    page.write_text("```console\n$ ls data/reference | head -1\n```\n", encoding="utf-8")
    walked = walk(page, tmp_path / "walked")
    assert walked == "```console\n$ ls data/reference | head -1\nbilling_policies.csv\n```\n"


def test_a_page_without_commands_is_not_walked(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("# Nothing\n\n```sh\nmake\n```\n", encoding="utf-8")
    assert not is_walked(page)
