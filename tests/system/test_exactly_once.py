"""The RTL of the packet endpoint under the worst of networks: nothing twice, nothing lost, no wedge."""

import pytest
from exactly_once import HAPPENINGS, Campaign


@pytest.mark.parametrize("seed", [1, 2])
def test_a_short_campaign(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = Campaign(seed, monkeypatch)
    campaign.run(packets=4_000, commands=150)
    for what in HAPPENINGS:
        assert campaign.happened[what] > 0, what


@pytest.mark.verify
def test_a_million_packets_and_ten_thousand_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = Campaign(20170618, monkeypatch)
    print(campaign.run(packets=1_000_000, commands=10_000))
