"""Splitting a range into READs and putting the answers together."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.hdl.contract.protocol import MAX_PAYLOAD_WORDS
from deep3.host.link.reads import READS_IN_FLIGHT, Read, ReadWindow


def answer(source: bytes, read: Read, base: int) -> memoryview:
    first = 2 * (read.address - base)
    return memoryview(source[first : first + 2 * read.words])


@settings(max_examples=50, deadline=None)
@given(
    words=st.integers(1, 8000), base=st.integers(0, 1000), seed=st.integers(0, 2**32),
    number=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_word_arrives_in_its_place(words: int, base: int, seed: int, number: int) -> None:
    choice = random.Random(seed)
    source = choice.randbytes(2 * words)
    target = bytearray(2 * words)
    reads = ReadWindow(base, memoryview(target), number)
    flying: list[Read] = []
    while not reads.finished:
        while (read := reads.next()) is not None:
            assert 1 <= read.words <= MAX_PAYLOAD_WORDS
            reads.sent(read, 0.0)
            flying.append(read)
        assert reads.open <= READS_IN_FLIGHT
        read = flying[choice.randrange(len(flying))]
        found = reads.match(read.number, read.address)
        if found is not None and choice.random() < 0.7:
            for lost in reads.answer(found, answer(source, found, base)):
                assert lost.number != found.number
                reads.sent(lost, 0.0)
    assert target == source


def test_an_answer_to_another_question_is_not_taken() -> None:
    reads = ReadWindow(100, memoryview(bytearray(8)), 5)
    read = reads.next()
    assert read is not None
    reads.sent(read, 0.0)
    assert reads.match(6, 100) is None
    assert reads.match(5, 101) is None
    assert reads.match(5, 100) is read
    reads.answer(read, memoryview(bytes(8)))
    assert reads.match(5, 100) is None


def test_overtaken_and_overdue_reads_are_named() -> None:
    reads = ReadWindow(0, memoryview(bytearray(6 * MAX_PAYLOAD_WORDS)), 0)
    sent = [read for _ in range(3) if (read := reads.next()) is not None]
    for moment, read in enumerate(sent):
        reads.sent(read, float(moment))
    assert reads.answer(sent[2], memoryview(bytes(2 * MAX_PAYLOAD_WORDS))) == [sent[0]]
    assert reads.overdue(0.5) == [sent[0]]
    reads.sent(sent[0], 9.0)
    assert sent[0].repeated
    assert not sent[1].repeated
    assert reads.oldest_sent_s() == 1.0
