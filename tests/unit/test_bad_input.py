"""Whatever a user gets wrong: one line that says so, the right exit status, JSON where asked for, nothing left."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Function, Loss
from deep3.host.cli import main
from deep3.host.data.dataset import Origin
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.projection.projection import Projection
from deep3.host.training.checkpoint import Checkpoint

SIZE = "size --board ecpix5-85f --features 64 --hidden 8 --classes 10"
BUILD = "build --board ecpix5-85f"
BAD = 1
USAGE = 2

CASES = [
    ("", USAGE, "required: COMMAND"),
    ("fly", USAGE, "invalid choice: 'fly'"),
    ("train", USAGE, "required: DATA"),
    ("train digits --batch many", USAGE, "invalid int value: 'many'"),
    ("train digits --batch 0", USAGE, "batch must be between 1 and 4093, not 0"),
    ("train digits --hidden 3.5", USAGE, "must be none or integers separated by commas, not '3.5'"),
    ("train digits --hidden 0", USAGE, "hidden must be between 1 and 4093, not 0"),
    ("train digits --hidden '8;4'", USAGE, "not '8;4'"),
    ("train digits --ratio nan", USAGE, "ratio must be above 0 and at most 1, not nan"),
    ("train digits --rate inf", USAGE, "rate must be above 0"),
    ("train digits --epochs -1", USAGE, "epochs must be above 0"),
    ("train digits --seed -1", USAGE, "seed must be between 0 and 4294967295, not -1"),
    ("train digits --projection 1.5", USAGE, "not 1.5"),
    ("train digits --validation-share 0", USAGE, "validation-share must be"),
    ("train digits --embedding 0", USAGE, "embedding must be between 1 and 4093, not 0"),
    ("train digits --embedding 65", BAD, "embedding must be between 1 and the 64 features of a sample, not 65"),
    ("train digits --embedding 64", BAD, "the samples span no more dimensions"),
    ("train digits --embedding 8 --projection .3", USAGE, "leave one out"),
    ("train digits --n-push 100000", USAGE, "n-push must be between 1 and 1000, not 100000"),
    ("train digits --rate 50 --worker golden", USAGE, "rates from 50 to 6.25 (--rate / --ratio and --sch"),
    ("train digits --optimiser adagrad --rate 0.3 --worker golden", USAGE, "rates from 0.3 to 0.0375"),
    ("train digits --optimiser adagrad --momentum 0.9", USAGE, "momentum must be left out with the optimiser adagrad"),
    ("train digits --optimiser momentum --momentum 0", USAGE, "momentum must be between 0.0001 and 0.9999, not 0.0"),
    ("train digits --outer-momentum 1", USAGE, "outer-momentum must be at least 0 and less than 1, not 1.0"),
    ("train digits --weight-decay 2", USAGE, "weight-decay must be between 0 and 1, not 2.0"),
    ("train digits --weight-decay -1", USAGE, "weight-decay must be between 0 and 1, not -1.0"),
    ("train digits --weight-decay 1e-9 --worker golden", USAGE, "must be between 3.05e-05 and 0.062498 on an engine"),
    ("train digits --schedule never", USAGE, "argument --schedule: invalid choice: 'never'"),
    ("train digits --resume", BAD, "digits: not the folder of a run"),
    ("train folder --resume --batch 8", USAGE, "--resume brings what --batch would say; leave that out"),
    ("train digits --from nosuch.npz", BAD, "nosuch.npz: cannot read the file"),
    ("train digits --from good.npz --ratio 0.5", USAGE, "--from brings what --ratio would say"),
    ("train digits --activation swish", USAGE, "invalid choice: 'swish'"),
    ("train digits --worker tpu", USAGE, "not 'tpu'"),
    ("train digits --worker cpu:0", USAGE, "worker count must be between 1 and 64, not '0'"),
    ("train digits --worker board:", USAGE, "with a port between 1 and 65535, not 'board:'"),
    ("train digits --worker serial:/dev/none:3", USAGE, "with a baud between"),
    ("train digits --worker serial:/dev/none", BAD, "/dev/none"),
    ("train irises", USAGE, "not 'irises'"),
    ("train nosuch.npz", BAD, "nosuch.npz: "),
    ("train folder.npz", BAD, "folder.npz: "),
    ("train empty.npz", BAD, "empty.npz: "),
    ("train text.npz", BAD, "text.npz: "),
    ("train nan.npz", BAD, "nan.npz: "),
    ("train short_y.npz", BAD, "short_y.npz: "),
    ("train objects.npz", BAD, "objects.npz: "),
    ("train one_class.npz", BAD, "one_class: labels must be of 2 classes or more"),
    ("train words.csv", BAD, "words.csv: "),
    ("train ragged.csv", BAD, "ragged.csv: "),
    ("train empty.csv", BAD, "empty.csv: "),
    ("train digits --runs engine.toml", BAD, "engine.toml"),
    ("train digits --config nosuch.toml", BAD, "nosuch.toml: cannot read the configuration"),
    ("train digits --config folder", BAD, "folder: cannot read the configuration: Is a directory"),
    ("train digits --config empty.toml", BAD, "empty.toml: the table [engine] is missing"),
    ("train digits --config binary.toml", BAD, "binary.toml: cannot read the configuration: not a UTF-8 text file"),
    ("train digits --config broken.toml", BAD, "broken.toml: not valid TOML"),
    ("train digits --config range.toml", BAD, "range.toml: rows must be between 2 and 16, not 99"),
    ("train digits --config word.toml", BAD, "word.toml: rows must be of type int, not 'four'"),
    ("train digits --config key.toml", BAD, "key.toml: unknown key 'row' in [engine]"),
    ("train digits --config engine.toml --worker golden --hidden 4000", BAD, "errors do not fit: 128384 needed"),
    ("predict", USAGE, "name a run or a model, one of the two"),
    ("predict nosuch", BAD, "nosuch: no such run"),
    ("predict folder", BAD, "folder"),
    ("predict engine.toml", BAD, "engine.toml: "),
    ("predict empty.npz", BAD, "empty.npz: "),
    ("predict cut.npz", BAD, "cut.npz: "),
    ("predict two.npz", BAD, "two.npz: not a checkpoint"),
    ("predict version.npz", BAD, "version.npz: version must be"),
    ("predict nan_weights.npz", BAD, "nan_weights.npz: damaged checkpoint: weights_0 must hold finite numbers"),
    ("predict narrow_weights.npz", BAD, "narrow_weights.npz: damaged checkpoint: weights_0 must have the shape (3, 6)"),
    ("predict no_weights.npz", BAD, "no_weights.npz: damaged checkpoint"),
    ("predict good.npz --data nosuch.npz", BAD, "nosuch.npz: "),
    ("predict good.npz --data irises", USAGE, "not 'irises'"),
    ("predict good.npz --data digits", BAD, "5 features"),
    ("predict good.npz --data two.npz -o folder", BAD, "folder: cannot be written: it is a folder"),
    ("predict good.npz --data two.npz -o nosuch/x", BAD, "nosuch/x: cannot be written: there is no folder nosuch"),
    ("predict good.npz --data two.npz -o /dev/full", BAD, "/dev/full: cannot be written: No space left on device"),
    ("predict good.npz --data two.npz --rows some", USAGE, "invalid choice: 'some'"),
    ("plot nosuch", BAD, "nosuch"),
    ("plot folder", BAD, "folder"),
    ("generate engine.toml", USAGE, "required: -o/--output"),
    ("generate nosuch.toml -o x.v", BAD, "nosuch.toml: cannot read"),
    ("generate range.toml -o x.v", BAD, "rows must be"),
    ("generate engine.toml -o folder", BAD, "folder: cannot be written: it is a folder"),
    ("generate engine.toml -o nosuch/x.v", BAD, "there is no folder nosuch"),
    ("generate engine.toml -o x.v --target ice40", USAGE, "invalid choice: 'ice40'"),
    ("board range.toml", BAD, "rows must be"),
    ("board engine.toml --listen nowhere", USAGE, "address must be HOST:PORT"),
    ("board engine.toml --listen 192.0.2.1:5", BAD, "cannot listen on 192.0.2.1:5"),
    ("board engine.toml --loss 1.5", USAGE, "loss must be between 0 and 1, not 1.5"),
    ("board engine.toml --trace nosuch/x.vcd", BAD, "there is no folder nosuch"),
    ("quantise net.onnx", USAGE, "required: --data"),
    ("quantise net --data digits", USAGE, "model must be FILE.py:NAME or FILE.onnx, not 'net'"),
    ("quantise nosuch.onnx --data digits", BAD, "nosuch.onnx: "),
    ("quantise net.onnx --data nosuch.npz", BAD, "nosuch.npz: "),
    ("quantise net.onnx --data digits --samples 0", USAGE, "samples must be between 1 and 4093, not 0"),
    ("quantise net.onnx --data digits --input-shape 3,8,8", USAGE, "input-shape 3,8,8 is that of 192 values"),
    ("quantise net.onnx --data digits --picture x.gif", USAGE, "must end in .png, .pdf, .svg, not 'x.gif'"),
    ("quantise net.onnx --data digits --picture nosuch/x.png", BAD, "there is no folder nosuch"),
    ("size --features 64 --hidden 8 --classes 10", USAGE, "one of the arguments --board --profile is required"),
    ("size --board ecpix5 --features 64 --hidden 8 --classes 10", USAGE, "there is no board 'ecpix5'; did you mean"),
    ("size --board folder --features 64 --hidden 8 --classes 10", USAGE, "a folder of your own is ./folder"),
    ("size --board ./folder --features 64 --hidden 8 --classes 10", BAD, "folder/board.toml: cannot read"),
    ("size --board ./boards --features 64 --hidden 8 --classes 10", BAD, "boards/board.toml: name is missing"),
    ("size --profile nosuch.json --features 64 --hidden 8 --classes 10", BAD, "nosuch.json"),
    ("size --profile engine.toml --features 64 --hidden 8 --classes 10", BAD, "engine.toml"),
    ("size --board ecpix5-85f --hidden 8", USAGE, "--features, --classes must be given, or --model"),
    (f"{SIZE} --model net.onnx", USAGE, "--model brings what --features, --hidden, --classes would say"),
    (f"{SIZE} --input-shape 64", USAGE, "--input-shape is for --model"),
    ("size --board ecpix5-85f --model net.onnx", USAGE, "--model needs --input-shape"),
    ("size --profile x --model net.onnx --input-shape 4", USAGE, "--model is for --board, not for --profile"),
    ("size --board ecpix5-85f --model net.onnx --input-shape 4 --batch 0", USAGE, "batch must be between 1 and 4093"),
    ("size --board ecpix5-85f --model net --input-shape 4", USAGE, "must be FILE.py:NAME or FILE.onnx, not 'net'"),
    ("size --board ecpix5-85f --model nosuch.onnx --input-shape 4", BAD, "nosuch.onnx: "),
    (f"{SIZE} --force", USAGE, "--force is for --profile"),
    ("size --profile x --features 4 --hidden 8 --classes 2 -o y", USAGE, "--output is for --board, not for --profile"),
    (f"{SIZE} --profile x.json", USAGE, "not allowed with argument --board"),
    ("size --board ecpix5-85f --features 0 --hidden 8 --classes 10", USAGE, "features must be between 1 and 1000000"),
    ("size --board ecpix5-85f --features 4 --hidden 0 --classes 10", USAGE, "hidden must be between 1 and 1000000"),
    ("size --board ecpix5-85f --features 4 --hidden 8 --classes 1", USAGE, "classes must be between 2 and 256, not 1"),
    (f"{SIZE} --batch 0", USAGE, "batch must be"),
    (f"{SIZE} --workers 161", USAGE, "workers must be between 1 and 160, not 161"),
    (f"{SIZE} --max-seconds -1", USAGE, "limit seconds must be above 0, not -1.0"),
    (f"{SIZE} --max-joules nan", USAGE, "limit joules must be above 0, not nan"),
    (f"{SIZE} --max-seconds 1e-9", BAD, "with 1 worker and"),
    (f"{SIZE} --max-block-rams 1", BAD, "block RAMs short"),
    (f"{SIZE} --objective beauty", USAGE, "invalid choice: 'beauty'"),
    (f"{SIZE} --picture x.xyz", USAGE, "must end in .png, .pdf, .svg, not 'x.xyz'"),
    (f"{SIZE} --picture nosuch/x.png", BAD, "there is no folder nosuch"),
    (f"{SIZE} -o nosuch/x.toml", BAD, "there is no folder nosuch"),
    (f"{SIZE} -o /dev/full", BAD, "/dev/full: cannot be written: No space left on device"),
    ("profile --device tpu", USAGE, "invalid choice: 'tpu'"),
    ("profile --show nosuch.json", BAD, "nosuch.json"),
    ("profile --show binary.toml", BAD, "binary.toml"),
    ("profile --show x.json -o y.json", USAGE, "--show measures nothing"),
    ("profile --force", USAGE, "--force is for --show"),
    ("profile --seed -1", USAGE, "seed must be"),
    ("profile -o nosuch/x.json", BAD, "there is no folder nosuch"),
    ("build", USAGE, "required: --board"),
    ("build --board none", USAGE, "there is no board 'none'"),
    (f"{BUILD} --seeds 0", USAGE, "seeds must be between 1 and 100, not 0"),
    (f"{BUILD} --sync-mhz nan", USAGE, "sync-mhz must be between 10 and 400, not nan"),
    (f"{BUILD} --ip 300.1.1.1", USAGE, "ip must be"),
    (f"{BUILD} --mac 03:00:00:00:00:00", USAGE, "mac must be"),
    (f"{BUILD} --port 0", USAGE, "port must be"),
    (f"{BUILD} -o -", USAGE, "output must be a folder, not '-'"),
    (f"{BUILD} -o engine.toml", BAD, "engine.toml"),
    (f"{BUILD} --config range.toml", BAD, "rows must be"),
    ("build --board butterstick --link uart", BAD, "has no uart"),
    ("build --board colorlight-5a-75b --config eight.toml", BAD, "the 8x8 engine is too big"),
    ("program --board none", USAGE, "there is no board 'none'"),
    ("program --board ecpix5-85f", BAD, "there is no bitstream"),
    ("program --board ecpix5-85f folder", BAD, "folder"),
    ("program --board ecpix5-85f binary.toml", BAD, "binary.toml"),
    ("discover --address nowhere:x", USAGE, "address must be HOST or HOST:PORT"),
    ("discover --timeout 0", USAGE, "timeout must be above 0"),
    ("discover --timeout nan", USAGE, "timeout must be above 0"),
    ("bench everything", USAGE, "invalid choice: 'everything'"),
    ("bench engine --config engine.toml", USAGE, "--config is for deep3 bench timing, not for deep3 bench engine"),
    ("bench link --seed 1", USAGE, "--seed is for deep3 bench timing and deep3 bench learning"),
    ("bench timing --config nosuch.toml", BAD, "nosuch.toml: cannot read"),
    ("bench timing --seed -1", USAGE, "seed must be"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are wrong in every way, and a few that are right."""
    root = tmp_path_factory.mktemp("bad")
    for name in ("folder", "folder.npz", "boards"):
        (root / name).mkdir()
    texts = {
        "engine.toml": EngineConfig(rows=2, columns=2).to_toml(), "eight.toml": "[engine]\n", "empty.toml": "",
        "broken.toml": "[engine", "range.toml": "[engine]\nrows = 99\n", "word.toml": '[engine]\nrows = "four"\n',
        "key.toml": "[engine]\nrow = 4\n", "boards/board.toml": "", "empty.npz": "", "text.npz": "no archive\n",
        "empty.csv": "", "words.csv": "a,b,label\nx,y,1\nz,w,2\n", "ragged.csv": "a,b,label\n1,2,0\n1,0\n3,4,1\n",
    }  # fmt: skip
    for name, text in texts.items():
        (root / name).write_text(text, "utf-8")
    (root / "binary.toml").write_bytes(bytes(range(256)))
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 5)).astype(np.float32), np.arange(40) % 3
    np.savez(root / "two.npz", X=x, y=y)
    np.savez(root / "nan.npz", X=np.where(x > 1, np.nan, x), y=y)
    np.savez(root / "short_y.npz", X=x, y=y[:-1])
    np.savez(root / "objects.npz", X=np.array([{}] * 40), y=y)
    np.savez(root / "one_class.npz", X=x, y=0 * y)
    _checkpoints(root)
    return root


def _checkpoints(root: Path) -> None:
    topology = Network.dense((5, 3), (Function.IDENTITY,), Loss.SOFTMAX)
    mean = np.zeros(5, np.float32)
    network = GlobalNetwork.initialise(topology, 1.0, 1)
    projection = Projection(mean, None, mean, np.zeros(5, np.int64))
    Checkpoint(network, projection, ("0", "1", "2"), Origin("two.npz", "", ""), 1).save(root / "good.npz")
    good = root / "good.npz"
    (root / "cut.npz").write_bytes(good.read_bytes()[:200])
    with np.load(good) as archive:
        arrays = {name: archive[name] for name in archive.files}
    weights = arrays["weights_0"]
    np.savez(root / "version.npz", **{**arrays, "version": np.array(99)})
    np.savez(root / "nan_weights.npz", **{**arrays, "weights_0": np.full_like(weights, np.nan)})
    np.savez(root / "narrow_weights.npz", **{**arrays, "weights_0": weights[:, :-1]})
    np.savez(root / "no_weights.npz", **{name: array for name, array in arrays.items() if name != "weights_0"})


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("line", "status", "message"), CASES, ids=[line or "nothing" for line, _, _ in CASES])
def test_bad_input(
    line: str,
    status: int,
    message: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    monkeypatch.delenv("DEEP3_DATA", raising=False)
    before = files(folder)
    assert main(shlex.split(line)) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("deep3")
    assert message in err
    assert err.count("\n") == 1
    assert not any(word in err for word in ("Traceback", "[Errno", "allow_pickle", "Warning", "<class"))
    assert main([*shlex.split(line), "--json"]) == status
    out, again = capsys.readouterr()
    assert again == err
    assert json.loads(out)["error"] in err
    assert out.count("\n") == 1
    assert files(folder) == before
    assert not (folder / "nosuch").exists()


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60
    assert {line.split()[0] for line, _, _ in CASES if line} >= {
        "train", "predict", "generate", "size", "profile", "build", "program", "board", "discover", "bench",
    }  # fmt: skip
