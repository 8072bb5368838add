"""Every example of the guides does what the page says."""

from pathlib import Path

import pytest
from guide_runner import GuideError, blocks, run_page

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    if any(block.kind in ("console", "python") for block in blocks(page.read_text("utf-8")))
)


@pytest.mark.parametrize("name", PAGES)
def test_examples_of_the_guide(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEEP3_DATA", raising=False)
    assert run_page((ROOT / name).read_text("utf-8"), name) > 0


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("console\n$ echo one\ntwo", "guide:2: $ echo one\nthe page says:\ntwo\nit printed:\none\n"),
        ("console\n$ false", "guide:2: $ false\nended with status 1"),
        ("console\n$ deep3 size", "guide:2: $ deep3 size\nended with status 2"),
        ("console\n$ true\ndeep3: refused", "guide:2: $ true\nended with status 0"),
        ("console\necho one", "line 2: a console block must begin with a command"),
        ("python\n1 / 0", "guide:2: ZeroDivisionError"),
        ("python\n>>> 1 + 1\n3", "Expected:\n    3\nGot:\n    2"),
    ],
)
def test_an_example_that_does_something_else_is_seen(block: str, said: str) -> None:
    with pytest.raises(GuideError) as caught:
        run_page(f"```{block}\n```\n", "guide")
    assert said in str(caught.value)


def test_blocks_share_what_they_define(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (
        "```python\nfrom pathlib import Path\nPath('a').write_text('x')\n```\n"
        "```python\n>>> Path('a').read_text()\n'x'\n```\n"
        "```console\n$ echo one \\\n  two\none  tw...\n$ deep3 predict no\ndeep3: no: no such run; ...\n```\n"
        "```text\n$ false\n```\n"
    )
    assert run_page(page, "guide") == 4
