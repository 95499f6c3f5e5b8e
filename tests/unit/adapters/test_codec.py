"""The RCON codec: any cut of any stream gives the same packets, and nonsense is refused before it is kept."""

import itertools
import struct

import pytest
from hypothesis import given, strategies as st

from perkd.adapters.wire.codec import SIZE_MOST, Decoder, Packet, ProtocolError, RequestError, encode

INT32 = st.integers(-(2**31), 2**31 - 1)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)
PACKETS = st.lists(st.tuples(INT32, INT32, TEXT), max_size=8)


def raw(packet_id: int, packet_type: int, body: bytes, *, size: int | None = None, end: bytes = b"\0\0") -> bytes:
    """A packet made by hand, with the lies a test wants."""
    data = struct.pack("<ii", packet_id, packet_type) + body + end
    return struct.pack("<I", (len(data) if size is None else size) & 0xFFFFFFFF) + data


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


@given(PACKETS, st.lists(st.integers(0, 10_000), max_size=30))
def test_however_a_stream_is_cut_the_packets_are_the_same(sent: list[tuple[int, int, str]], places: list[int]) -> None:
    stream = b"".join(encode(*packet) for packet in sent)
    decoder = Decoder()
    got = [packet for piece in cut(stream, places) for packet in decoder.feed(piece)]
    assert [(packet.id, packet.type, packet.text) for packet in got] == sent


@given(PACKETS)
def test_byte_by_byte_is_one_of_the_cuts(sent: list[tuple[int, int, str]]) -> None:
    decoder = Decoder()
    stream = b"".join(encode(*packet) for packet in sent)
    got = [packet for number in range(len(stream)) for packet in decoder.feed(stream[number : number + 1])]
    assert [(packet.id, packet.type, packet.text) for packet in got] == sent


def test_the_bytes_are_those_of_the_published_layout() -> None:
    assert encode(7, 2, "hi") == b"\x0c\0\0\0\x07\0\0\0\x02\0\0\0hi\0\0"
    assert Decoder().feed(b"\x0a\0\0\0\xff\xff\xff\xff\x02\0\0\0\0\0") == [Packet(-1, 2, b"")]


@pytest.mark.parametrize("size", [-7, -1, 0, 5, 9, SIZE_MOST + 1, 2**31 - 1, 2**31, 0x50545448])
def test_an_impossible_length_is_refused_as_soon_as_it_is_read(size: int) -> None:
    decoder = Decoder()
    assert decoder.feed(raw(1, 0, b"good")[:-1]) == []
    with pytest.raises(ProtocolError, match="bytes") as raised:
        decoder.feed(b"\0" + raw(2, 0, b"", size=size)[:4])
    assert raised.value.packets == (Packet(1, 0, b"good"),)
    with pytest.raises(ProtocolError):
        decoder.feed(raw(3, 0, b"after"))


def test_the_largest_packet_passes_piece_by_piece() -> None:
    stream = raw(1, 0, b"x" * (SIZE_MOST - 10))
    decoder = Decoder()
    got = [packet for start in range(0, len(stream), 65536) for packet in decoder.feed(stream[start : start + 65536])]
    assert [len(packet.body) for packet in got] == [SIZE_MOST - 10]


@pytest.mark.parametrize("end", [b"\0x", b"x\0", b"xx"])
def test_a_packet_without_its_two_nuls_is_refused(end: bytes) -> None:
    with pytest.raises(ProtocolError, match="NUL"):
        Decoder().feed(raw(1, 0, b"body", end=end))


@given(st.binary(max_size=200))
def test_any_bytes_are_packets_or_a_protocol_error_and_nothing_else(data: bytes) -> None:
    decoder = Decoder()
    try:
        packets = decoder.feed(data)
    except ProtocolError as error:
        packets = list(error.packets)
    assert sum(len(packet.body) + 14 for packet in packets) <= len(data)


@given(st.binary(max_size=60))
def test_undecodable_text_is_replaced_and_the_packet_kept(body: bytes) -> None:
    (packet,) = Decoder().feed(raw(3, 0, body))
    assert packet.body == body
    assert packet.text == body.decode("utf-8", "replace")


def test_a_body_with_a_nul_is_not_encoded() -> None:
    with pytest.raises(RequestError, match="NUL"):
        encode(1, 2, "say a\0b")


def test_half_a_character_is_not_encoded() -> None:
    with pytest.raises(RequestError, match="UTF-8"):
        encode(1, 2, "say \ud83d")


def test_the_limit_counts_bytes_not_characters() -> None:
    assert len(encode(1, 2, "é" * 723, 1446)) == 1446 + 14
    with pytest.raises(RequestError, match="1448 bytes"):
        encode(1, 2, "é" * 724, 1446)


def test_an_unsendable_body_is_not_repeated() -> None:
    with pytest.raises(RequestError) as raised:
        encode(1, 3, "hunter2hunter2\0")
    assert "hunter2" not in str(raised.value)
