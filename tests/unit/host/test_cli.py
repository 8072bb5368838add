"""The command line: refusals in one line, exit codes, one JSON object."""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deep3.cost_model.boards import board_names, load_board
from deep3.hdl.contract.config import EngineConfig
from deep3.host.cli import COMMANDS, main, make_parser
from deep3.host.cli.command import Command
from deep3.host.training import run as training

ROOT = Path(__file__).parents[3]
ENGINE = "[engine]\nrows = 4\ncolumns = 4\n"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit status and message of a command that must fail without a word on stdout."""
    status = main(arguments)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return status, err.rstrip("\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "deep3: the following arguments are required: COMMAND (see deep3 --help)"),
        (["train"], "deep3 train: the following arguments are required: DATA (see deep3 train --help)"),
        (
            ["train", "digits", "--batch", "many"],
            "deep3 train: argument --batch: invalid int value: 'many' (see deep3 train --help)",
        ),
        (
            ["train", "digits", "--hidden", "8;4"],
            "deep3 train: argument --hidden: must be none or integers separated by commas, not '8;4' "
            "(see deep3 train --help)",
        ),
        (
            ["train", "digits", "--hidden", ""],
            "deep3 train: argument --hidden: must be none or integers separated by commas, not '' "
            "(see deep3 train --help)",
        ),
        (
            ["train", "digits", "--projection", "some"],
            "deep3 train: argument --projection: must be none or a number between 0 and 1, not 'some' "
            "(see deep3 train --help)",
        ),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert refused(capsys, *arguments) == (2, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch", "0"], "batch must be between 1 and 4093, not 0"),
        (["--n-push", "0"], "n-push must be between 1 and 1000, not 0"),
        (["--n-push", "100000"], "n-push must be between 1 and 1000, not 100000"),
        (
            ["--rate", "50", "--worker", "cpu", "--worker", "golden"],
            "rates from 50 to 6.25 (--rate / --ratio and --schedule) are out of reach of worker golden-1 with sgd: "
            "learning_rate must be between 1.91e-06 and 32 in batches of 32, not 50.0",
        ),
        (
            ["--resume", "--worker", "cpu", "--epochs", "9", "--take-over"],
            "--resume brings what --worker, --epochs would say; leave that out",
        ),
        (
            ["--from", "x.npz", "--ratio", "0.5", "--batch", "8"],
            "--from brings what --ratio would say; leave that out",
        ),
        (["--embedding", "0"], "embedding must be between 1 and 4093, not 0"),
        (
            ["--embedding", "8", "--projection", "0.3"],
            "embedding 8 and projection 0.3 say the same thing; leave one out",
        ),
        (["--hidden", "0"], "hidden must be between 1 and 4093, not 0"),
        (["--ratio", "0"], "ratio must be above 0 and at most 1, not 0.0"),
        (["--ratio", "nan"], "ratio must be above 0 and at most 1, not nan"),
        (["--epochs", "0"], "epochs must be above 0 and at most 100000, not 0.0"),
        (["--rate", "-1"], "rate must be above 0 and at most 100, not -1.0"),
        (["--seed", "-1"], "seed must be between 0 and 4294967295, not -1"),
        (["--error-threshold", "2"], "error-threshold must be between 0 and 1, not 2.0"),
        (["--validation-share", "0"], "validation-share must be between 0.01 and 0.9, not 0.0"),
        (["--projection", "1.5"], "projection must be none or a beta between 0 and 1, not 1.5"),
        (
            ["--worker", "tpu"],
            "worker must be one of cpu, cuda, golden, virtual, board:HOST[:PORT] or serial:PORT[:BAUD], not 'tpu'",
        ),
    ],
)
def test_settings_out_of_range(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert refused(capsys, "train", "digits", *arguments) == (2, f"deep3: {message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "digits: not the folder of a run: settings.json: No such file or directory"),
        (["--from", "none.npz"], "none.npz: cannot read the file: No such file or directory"),
    ],
)
def test_runs_and_checkpoints_that_are_not_there(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert refused(capsys, "train", "digits", *arguments) == (1, f"deep3: {message}")


def test_an_unknown_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "train", "irises") == (
        2,
        "deep3: data set must be one of digits, isolet, mnist, a path that ends in .npz, .npy, .csv, .tsv, "
        "or the name of a file in $DEEP3_DATA, not 'irises'",
    )


def test_a_run_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "predict", "runs/none") == (
        1,
        "deep3: runs/none: no such run; name a run folder or a checkpoint.npz",
    )


def test_a_run_folder_that_cannot_be_made(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, message = refused(capsys, "train", "digits", "--runs", str(tmp_path / "file"))
    assert status == 1
    assert message.endswith(": Not a directory")


@pytest.mark.parametrize("command", ["generate", "board"])
def test_a_configuration_with_a_bad_value(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    config = tmp_path / "engine.toml"
    config.write_text("[engine]\nrows = 99\n")
    arguments = ["-o", str(tmp_path / "engine.v")] if command == "generate" else []
    assert refused(capsys, command, str(config), *arguments) == (
        1,
        f"deep3: {config}: rows must be between 2 and 16, not 99",
    )
    assert not (tmp_path / "engine.v").exists()


def test_an_address_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "engine.toml"
    config.write_text(ENGINE)
    assert refused(capsys, "board", str(config), "--listen", "nowhere") == (
        2,
        "deep3: address must be HOST:PORT with a port between 0 and 65535, not 'nowhere'",
    )


def test_an_interrupt_is_no_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", interrupt)
    assert refused(capsys, "train", "digits") == (130, "deep3: interrupted")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_shows_an_example_that_parses(capsys: pytest.CaptureFixture[str], command: object) -> None:
    name, example = command.name, command.example  # type: ignore[attr-defined]
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"example: {example}" in shown
    assert make_parser().parse_args(example.split()[1:]).selected is command


def test_the_commands_of_the_readme_parse() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    examples = re.findall(r"`deep3 ([a-z]+ [^`]+)`", readme)
    assert {example.split()[0] for example in examples} >= {"train", "predict", "generate", "board"}
    for example in examples:
        assert make_parser().parse_args(example.split()).selected.name == example.split()[0]


def test_train_then_predict_with_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["train", "digits", "--hidden", "12", "--worker", "cpu:1", "--epochs", "4", "--reference", "--json"]
    assert main([*arguments, "--runs", str(tmp_path)]) == 0
    report = json.loads(capsys.readouterr().out)
    folder = Path(report["run"])
    assert {"settings.json", "engine.toml", "metrics.jsonl", "checkpoint.npz", "plot.png", "tensorboard"} <= {
        entry.name for entry in folder.iterdir()
    }
    assert report["joint"]["test_accuracy"] > 0.8
    assert report["joint"] | {"seconds": 0} == report["reference"] | {"seconds": 0}
    assert main(["predict", str(folder), "--json", "-o", str(tmp_path / "classes")]) == 0
    prediction = json.loads(capsys.readouterr().out)
    assert prediction["accuracy"] == report["joint"]["test_accuracy"]
    assert len((tmp_path / "classes").read_text().splitlines()) == prediction["samples"] == 359


def test_predict_a_file_without_labels(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 200)
    x = rng.normal(size=(200, 5)) + 4 * y[:, None]
    np.savez(tmp_path / "two.npz", X=x, y=y)
    np.savez(tmp_path / "new.npz", X=x[:50])
    arguments = ["train", str(tmp_path / "two.npz"), "--hidden", "4", "--epochs", "20", "--rate", "0.3"]
    assert main([*arguments, "--batch", "8", "--json", "--runs", str(tmp_path)]) == 0
    run = json.loads(capsys.readouterr().out)["run"]
    classes = tmp_path / "classes"
    assert main(["predict", run, "--data", str(tmp_path / "new.npz"), "-o", str(classes), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] is None
    found = np.array([int(line) for line in classes.read_text().split()])
    assert (found == y[:50]).mean() > 0.95


def test_a_report_in_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["--hidden", "12", "--worker", "golden", "--worker", "cpu", "--epochs", "1", "--deterministic"]
    assert main(["train", "digits", *arguments, "--runs", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("joint run (golden-1, cpu-1): test accuracy ")
    assert " engine cycles" in out
    assert f"run folder: {tmp_path}/digits-" in out


def test_epochs_are_kept_with_large_pushes_and_idle_workers_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["train", "digits", "--hidden", "8", "--epochs", "1", "--batch", "1000", "--runs", str(tmp_path)]
    assert main([*arguments, "--worker", "cpu:2", "--deterministic"]) == 0
    out = capsys.readouterr().out
    # One batch of 1000 is nearest to the 1293 samples of an epoch.
    assert f"{1000 * (2 * (64 * 8 + 8 * 10) + 8 * 10):.3g} multiply-adds" in out
    assert "  cpu-1: 1 updates in " in out
    assert "  cpu-2: no update: the others used up the samples; a smaller --n-push leaves it some" in out


def test_a_run_that_diverges_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["--rate", "100", "--activation", "relu", "--loss", "mse", "--runs", str(tmp_path)]
    assert main(["train", "digits", *arguments]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if "deep3:" in line]
    (folder,) = tmp_path.iterdir()
    assert len(lines) == 1
    assert lines[0].startswith("deep3: validation loss is not finite after ")
    assert lines[0].endswith(
        f"training diverged; try a smaller --rate, not 100.0; run folder: {folder} (plot.png, checkpoint.npz)"
    )


def test_a_run_folder_says_how_it_was_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["deep3", "train", "digits"])
    assert main(["train", "digits", "--epochs", "0.1", "--runs", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    values = json.loads((folder / "settings.json").read_text())
    assert values["command"] == ["deep3", "train", "digits"]
    assert set(values["versions"]) == {"deep3", "python", "torch", "numpy"}
    assert values["settings"]["epochs"] == 0.1
    assert values["sizes"] == [64, 64, 32, 10]


def deep3(command: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """A line of a shell in which ``deep3`` is the command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)}
    line = f"set -o pipefail; deep3() {{ {shlex.quote(sys.executable)} -m deep3 \"$@\"; }}; {command}"
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, cwd=tmp_path)


SIZE = "deep3 size --board ecpix5-85f --features 64 --hidden 8 --classes 10"


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (f"{SIZE} > /dev/full", 1, "deep3: standard output: cannot be written: No space left on device\n"),
        (f"{SIZE} --json > /dev/full", 1, "deep3: standard output: cannot be written: No space left on device\n"),
        (f"{SIZE} | true", 141, ""),
        ("deep3 train digits --batch 0 2>&-", 2, ""),
        (f"{SIZE} 2>&- >&-", 0, ""),
    ],
)
def test_what_cannot_be_printed(command: str, status: int, said: str, tmp_path: Path) -> None:
    done = deep3(command, tmp_path)
    assert (done.returncode, done.stderr) == (status, said)


def test_a_run_without_stderr_is_a_run(tmp_path: Path) -> None:
    done = deep3("deep3 train digits --hidden 4 --epochs 0.2 --json 2>&-", tmp_path)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert (tmp_path / report["checkpoint"]).exists()


def test_a_result_on_standard_output_stands_there_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    size = ["size", "--board", "ecpix5-85f", "--features", "64", "--hidden", "8", "--classes", "10", "-o", "-"]
    assert main(size) == 0
    out, err = capsys.readouterr()
    config = EngineConfig.from_toml(out)
    assert config.digest in err
    assert "(after -o engine.toml beside what you typed)" in err
    assert list(tmp_path.iterdir()) == []


def test_json_and_a_result_do_not_share_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["size", "--board", "ecpix5-85f", "--features", "64", "--hidden", "8", "--classes", "10"]
    assert main([*arguments, "-o", "-", "--json"]) == 2
    out, err = capsys.readouterr()
    assert err == "deep3: --json and -o - both print to standard output; name a file for one of them\n"
    assert f"deep3: {json.loads(out)['error']}\n" == err


def test_no_board_is_an_answer_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["discover", "--address", "127.0.0.1:9", "--timeout", "0.05"]
    assert main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"boards": []}
    assert err.startswith("deep3: no board answered within 0.05 s: asked 127.0.0.1:9")
    assert refused(capsys, *arguments)[0] == 1


def test_a_run_goes_on_with_its_own_data_and_settings_only(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    data = tmp_path / "own.npz"
    np.savez(data, X=rng.normal(size=(60, 5)), y=np.arange(60) % 3)
    assert main(["train", str(data), "--hidden", "4", "--epochs", "1", "--runs", str(tmp_path / "runs")]) == 0
    capsys.readouterr()
    (folder,) = (tmp_path / "runs").iterdir()
    # As if it had been stopped.
    records = folder / "metrics.jsonl"
    records.write_text("".join(line + "\n" for line in records.read_text().splitlines() if "finished" not in line))
    np.savez(data, X=rng.normal(size=(60, 5)), y=np.arange(60) % 3)
    assert refused(capsys, "train", "--resume", str(folder)) == (
        1, f"deep3: {folder}: {data} is not what the run began with; start a new run"
    )  # fmt: skip
    np.savez(data, X=rng.normal(size=(60, 6)), y=np.arange(60) % 3)
    checkpoint = str(folder / "checkpoint.npz")
    assert refused(capsys, "train", str(data), "--from", checkpoint) == (
        1, f"deep3: {checkpoint}: its network takes 5 features, own has 6"
    )  # fmt: skip
    np.savez(data, X=rng.normal(size=(60, 5)), y=np.arange(60) % 4)
    assert refused(capsys, "train", str(data), "--from", checkpoint) == (
        1, f"deep3: {checkpoint}: its network tells other classes apart than own has: 0, 1, 2"
    )  # fmt: skip
    settings = folder / "settings.json"
    settings.write_text(settings.read_text().replace('"epochs": 1.0', '"epochs": -1.0'))
    assert refused(capsys, "train", "--resume", str(folder)) == (
        1, f"deep3: {folder}: epochs must be above 0 and at most 100000, not -1.0"
    )  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_has_every_default_and_the_exit_status(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    together = {action for group in parser._mutually_exclusive_groups for action in group._group_actions}
    for action in parser._actions:
        assert action.help
        if action.option_strings and action.nargs != 0 and not action.required and action not in together:
            assert "default" in action.help, action.option_strings
    with pytest.raises(SystemExit):
        main([command.name, "--help"])
    assert "exit status: 0 done; 1 a file, data, tool or board is at fault; 2 " in capsys.readouterr().out


def test_the_help_of_all_lists_every_command_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    for command in COMMANDS:
        assert out.count(f"\n  {command.name:<9} {command.summary}\n") == 1
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize("name", ["build", "size"])
def test_boards_are_listed_with_what_became_of_them(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    out = capsys.readouterr().out
    for board in board_names():
        assert f"  {board:<18} {load_board(board).state}\n" in out
    assert "  ecpix5-85f         routed, 12x12 at 156.9 MHz\n" in out
    assert "  ml605              project for the vendor's tools only, never run\n" in out
