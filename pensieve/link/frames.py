"""Messages in, frames out, and back: a 4-byte little-endian length, then msgpack."""

import struct
from typing import Any, Generic, TypeVar

import msgspec

from pensieve.link.messages import MAX_FRAME_BYTES, Event, Request

T = TypeVar("T")

_LENGTH = struct.Struct("<I")
_encoder = msgspec.msgpack.Encoder()


def encode_frame(message: Request | Event) -> bytes:
    """Return the message as one frame."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class FrameDecoder(Generic[T]):
    """Takes the bytes of a connection as they come.

    Args:
        message_type: `Request` in the engine, `Event` in its client.
    """

    def __init__(self, message_type: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(
            message_type
        )
        self._buffer = bytearray()

    def feed(self, received: bytes) -> list[T]:
        """Return the messages that are whole now.

        Raises:
            ConnectionError: these are not frames of this kind of message.
        """
        self._buffer += received
        messages = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer, start)
            if size > MAX_FRAME_BYTES:
                raise ConnectionError(
                    f"frame: expected at most {MAX_FRAME_BYTES} bytes, got {size}"
                )
            end = start + _LENGTH.size + size
            if len(self._buffer) < end:
                break
            body = bytes(self._buffer[start + _LENGTH.size : end])
            try:
                messages.append(self._decoder.decode(body))
            except msgspec.DecodeError as error:
                raise ConnectionError(f"frame: {error}") from error
            start = end
        # buffer[:start] has been taken, the rest is the beginning of a frame
        del self._buffer[:start]
        return messages
