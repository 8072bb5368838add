"""The public face: few names, each documented with an example that runs, loaded when they are used."""

import doctest
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import deep3
from deep3.extras import MissingExtra

ROOT = Path(__file__).parents[2]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
CALLABLES = [name for name in deep3.__all__ if callable(getattr(deep3, name))]
GUIDE = (ROOT / "docs" / "python.md").read_text("utf-8")


@pytest.mark.parametrize("name", CALLABLES)
def test_every_name_has_a_docstring_and_its_examples_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    thing = getattr(deep3, name)
    text = inspect.getdoc(thing)
    assert text
    assert inspect.getmodule(thing).__name__.startswith("deep3.")  # type: ignore[union-attr]
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    said: list[str] = []
    runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)
    # What has no example of its own has one in the guide, which another test runs.
    assert test.examples or f"deep3.{name}" in GUIDE or name in ("Sizing", "TrainResult")


@pytest.mark.parametrize("name", CALLABLES)
def test_public_members_of_public_classes_are_documented(name: str) -> None:
    thing = getattr(deep3, name)
    if not inspect.isclass(thing):
        return
    bare = [
        member
        for member, value in vars(thing).items()
        if not member.startswith("_") and (callable(value) or isinstance(value, property | classmethod))
        and not inspect.getdoc(getattr(thing, member))
    ]  # fmt: skip
    assert bare == []


def test_the_guide_lists_every_name() -> None:
    assert [name for name in deep3.__all__ if f"`{name}`" not in GUIDE] == []
    assert set(deep3.__all__) <= set(dir(deep3))


def test_other_names_are_no_names() -> None:
    with pytest.raises(AttributeError, match=r"^module 'deep3' has no attribute 'fit'$"):
        deep3.fit  # noqa: B018


def loaded_by(statement: str) -> set[str]:
    script = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(result.stdout.split())


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import deep3", {"numpy", "torch", "amaranth", "sklearn", "tqdm"}),
        ("import deep3; deep3.EngineConfig, deep3.Network, deep3.Deep3Error, deep3.__version__",
         {"torch", "amaranth", "sklearn"}),
        ("import deep3; deep3.boards()", {"torch", "sklearn"}),
        ("import deep3; deep3.load, deep3.Board, deep3.build, deep3.program", {"torch", "sklearn", "matplotlib"}),
        ("import deep3; deep3.size('ecpix5-45f', (100, 20, 5))", {"torch", "sklearn", "matplotlib"}),
    ],
)  # fmt: skip
def test_a_name_loads_what_it_needs(statement: str, unwanted: set[str]) -> None:
    assert loaded_by(statement) & unwanted == set()


def test_a_package_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "deep3.host.training.estimator", raising=False)
    monkeypatch.delitem(vars(deep3), "Classifier", raising=False)
    with pytest.raises(MissingExtra, match=r"^deep3\.Classifier needs sklearn: pip install deep3\[train\]$"):
        deep3.Classifier  # noqa: B018


@pytest.mark.parametrize(
    "call",
    [
        lambda: deep3.Network.uniform((64,)),
        lambda: deep3.Network.uniform((64, 0, 10)),
        lambda: deep3.EngineConfig(rows=0),
        lambda: deep3.load_board("nosuch"),
        lambda: deep3.load("nosuch"),
        lambda: deep3.size("ecpix5-85f", ()),
        lambda: deep3.size("nosuch", (617, 200, 26)),
        lambda: deep3.train("nosuch"),
        lambda: deep3.train([[1.0]], [0]),
        lambda: deep3.Board("127.0.0.1:99999"),
        lambda: deep3.build("ecpix5-85f", link="usb"),
        lambda: deep3.build("ecpix5-85f", ip="here"),
        lambda: deep3.build("ecpix5-85f", sync_mhz=1),
        lambda: deep3.program("nosuch"),
    ],
)
def test_what_a_caller_can_put_right_is_one_error_of_one_line(
    call: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(deep3.Deep3Error) as caught:
        call()
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
