"""Profiles: the fit finds what it was made from; files of other machines are refused."""

from pathlib import Path

import pytest

from deep3.cost_model.choice import NothingFits
from deep3.cost_model.costs import Coefficients
from deep3.cost_model.design import Limits, Task
from deep3.cost_model.local_network import GlobalNetwork
from deep3.cost_model.profile import OperationPoint, Profile, ProfileError, StepFit, step_features
from deep3.cost_model.worker_sizing import size_workers
from deep3.host.measure.machine import FIT, HELD_OUT, ProfilingError, fitted, profile_machine

HERE = {"processor": "some", "cpus": "2"}
TRUE = (1e-4, 5e-5, 4e-11, 1e-9, 2e-9)


def make_profile(memory_bytes: int = 1 << 20) -> Profile:
    return Profile(
        device="cpu",
        fingerprint=HERE,
        coefficients=Coefficients(4e-11, 1e-9, 1e-9, 1e-4, 1e-5, 1e9),
        step=StepFit(forward=tuple(value / 3 for value in TRUE), whole=TRUE),
        points=(OperationPoint("product", (8, 8, 8), 1e-6, 512, 768, "overhead"),),
        memory_bytes=memory_bytes,
        watts=5.0,
        watts_origin="modelled",
        held_out=((1.0, 1.1), (1.0, 1.0), (1.0, 2.0)),
    )


def test_the_fit_finds_the_coefficients_it_was_made_from() -> None:
    seconds = [StepFit(TRUE, TRUE).seconds(sizes, batch) for sizes, batch in FIT]
    assert fitted(FIT, seconds) == pytest.approx(TRUE, rel=1e-6)


def test_held_out_sizes_are_not_fitted() -> None:
    assert not set(FIT) & set(HELD_OUT)
    assert len(step_features((3, 2), 4)) == len(TRUE)


def test_a_profile_comes_back(tmp_path: Path) -> None:
    profile = make_profile()
    (tmp_path / "profile.json").write_text(profile.to_json())
    assert Profile.load(tmp_path / "profile.json", lambda _: HERE) == profile
    assert profile.median_error == pytest.approx(0.1 / 1.1)


def test_a_profile_of_another_machine_is_refused_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(make_profile().to_json())
    other = {**HERE, "cpus": "64"}
    with pytest.raises(ProfileError, match="taken on another machine: cpus is '64' here, '2' there"):
        Profile.load(path, lambda _: other)
    assert Profile.load(path, lambda _: other, force=True) == make_profile()


@pytest.mark.parametrize("text", ["", "{}", '{"format": 99}', "[]"])
def test_what_is_no_profile_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(text)
    with pytest.raises(ProfileError, match="not a profile"):
        Profile.load(path, lambda _: HERE)
    with pytest.raises(ProfileError, match="cannot read the profile: No such file"):
        Profile.load(tmp_path / "none.json", lambda _: HERE)


def test_workers_get_the_largest_network_of_their_cache() -> None:
    task = Task(GlobalNetwork(617, (200,), 26), workers=2)
    whole = size_workers(task, make_profile(1 << 24))
    part = size_workers(task, make_profile(1 << 19))
    assert whole.local.sizes == (617, 200, 26)
    assert part.local.edges < whole.local.edges
    assert part.costs.memory_bytes <= 1 << 19
    assert part.costs.step_seconds < whole.costs.step_seconds
    assert whole.iteration_seconds > whole.costs.step_seconds
    with pytest.raises(NothingFits, match="bytes short"):
        size_workers(task, make_profile(1000))
    with pytest.raises(NothingFits, match=r"takes .* s with 1 worker; the limit is"):
        size_workers(Task(task.network, limits=Limits(seconds=1e-9)), make_profile())


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(ProfilingError, match="device must be one of cpu, cuda, not 'tpu'"):
        profile_machine("tpu")


@pytest.mark.verify
def test_predicted_steps_are_near_those_measured() -> None:
    assert profile_machine("cpu").median_error <= 0.15
