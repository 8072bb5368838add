"""How long to wait before asking again: the estimator of RFC 6298, with bounds for a local link."""

__all__ = ["RoundTrip"]

FIRST_TIMEOUT_S = 0.1
MIN_TIMEOUT_S = 0.002
MAX_TIMEOUT_S = 0.2


class RoundTrip:
    """Smoothed round-trip time and its deviation, in seconds.

    Parameters
    ----------
    line_s
        Seconds that a slow line may hold up an answer; every timeout is so much longer.
    """

    def __init__(self, line_s: float = 0.0) -> None:
        self._line_s = line_s
        self._mean_s = 0.0
        self._deviation_s = 0.0
        self._known = False
        self._backoff = 1

    @property
    def timeout_s(self) -> float:
        """Seconds after which a packet without an answer is sent again."""
        base = self._mean_s + 4 * self._deviation_s if self._known else FIRST_TIMEOUT_S
        return min(max(base, MIN_TIMEOUT_S) * self._backoff, MAX_TIMEOUT_S) + self._line_s

    def sample(self, round_trip_s: float) -> None:
        """Take the time of a packet that was sent only once (Karn's rule: others are ambiguous)."""
        if self._known:
            self._deviation_s += (abs(round_trip_s - self._mean_s) - self._deviation_s) / 4
            self._mean_s += (round_trip_s - self._mean_s) / 8
        else:
            self._mean_s, self._deviation_s, self._known = round_trip_s, round_trip_s / 2, True
        self._backoff = 1

    def expired(self) -> None:
        """A timeout ran out: wait twice as long for the next answer."""
        self._backoff = min(self._backoff * 2, 64)

    def answered(self) -> None:
        """Something came back: end the doubling."""
        self._backoff = 1
