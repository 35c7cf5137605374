"""A reader of .upcap files, written from feed/capture/README.md alone and without the library: what
it needs beside Python's own library is XXH3-64 and zstd, which it calls in their shared libraries.

    capture = Capture(path)          checks the file header
    for record in capture.records(): records of whole blocks; what is damaged goes into .damages
"""

import ctypes
import struct
from dataclasses import dataclass

FILE_MAGIC = b"\x89UPCAP\r\n"
BLOCK_MAGIC = b"\x9DUPBLK\r\n"
INDEX_MAGIC = b"\x9DUPIDX\r\n"
VERSION = 1
BLOCK_HEADER_BYTES = 72
RECORD_HEADER_BYTES = 40
BLOCK_BYTES_MAX = 16 << 20
FRAME, REQUEST, STATUS, LOSS = 1, 2, 3, 4

_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH3_64bits.restype = ctypes.c_uint64
_xxhash.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_zstd = ctypes.CDLL("libzstd.so.1")
_zstd.ZSTD_decompress.restype = ctypes.c_size_t
_zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                  ctypes.c_size_t]


def hash_of(data):
    return _xxhash.XXH3_64bits(data, len(data))


def unpack(data, size):
    """None: it is no zstd frame of that size."""
    out = ctypes.create_string_buffer(size)
    if _zstd.ZSTD_decompress(out, size, data, len(data)) != size:
        return None
    return out.raw


class WrongFile(Exception):
    pass


@dataclass
class Block:
    offset: int
    stored_bytes: int
    unpacked_bytes: int
    count: int
    kind: int
    flags: int
    file_id: int
    first_record: int
    earliest_unix_ns: int
    latest_unix_ns: int
    payload_hash: int

    @property
    def end(self):
        return self.offset + BLOCK_HEADER_BYTES + self.stored_bytes


@dataclass
class Record:
    number: int  # in the file, from 0
    type: int
    direction: int
    opcode: int
    flags: int
    mono_ns: int
    unix_ns: int
    kernel_unix_ns: int
    connection: int
    epoch: int
    payload: bytes

    def status(self):
        """The eight fields of a change of state."""
        fields = self.payload.decode().split("\t", 7)
        return fields[:4] + [int(number) for number in fields[4:7]] + [fields[7]]

    def loss(self):
        """Records, payload bytes, first and last wall time of what is missing here."""
        return struct.unpack_from("<QQqq", self.payload)


class Capture:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.damages = []  # offset and size of what holds no record
        self.closed = False
        if self.data[:8] != FILE_MAGIC:
            raise WrongFile("no .upcap file")
        self.version, size = struct.unpack_from("<II", self.data, 8)
        head = self.data[:size]
        if size > 4096 or len(head) < size or hash_of(head[:-8]) != _u64(head, size - 8):
            raise WrongFile("the header is damaged")
        if self.version > VERSION:
            raise WrongFile("of a later version")
        (self.file_id, self.opened_unix_ns, self.opened_mono_ns, self.file_number, endpoint,
         library, self.recording_id) = struct.unpack_from("<QqqIHHQ", head, 16)
        self.endpoint = head[56:56 + endpoint].decode()
        self.library_version = head[56 + endpoint:56 + endpoint + library].decode()
        self.header_bytes = size

    def block_at(self, offset):
        """None: there is no header of this file with a right hash."""
        head = self.data[offset:offset + BLOCK_HEADER_BYTES]
        if len(head) < BLOCK_HEADER_BYTES or head[:8] != BLOCK_MAGIC:
            return None
        if hash_of(head[:64]) != _u64(head, 64):
            return None
        block = Block(offset, *struct.unpack_from("<IIIBBxxQQqqQ", head, 8))
        fits = max(block.stored_bytes, block.unpacked_bytes) <= BLOCK_BYTES_MAX
        return block if fits and block.file_id == self.file_id else None

    def blocks(self):
        """Those whose headers are whole, in the order of the file."""
        offset = self.header_bytes
        while offset < len(self.data):
            block = self.block_at(offset)
            start = offset
            while block is None and offset >= 0:
                offset = self.data.find(BLOCK_MAGIC, offset + 1)
                block = self.block_at(offset) if offset >= 0 else None
            if offset < 0:
                offset = len(self.data)
            if offset > start:
                self.damages.append((start, offset - start))
            if block is None:
                return
            yield block
            offset = block.end

    def payload_of(self, block):
        """None: it is damaged, or ends with the file."""
        stored = self.data[block.offset + BLOCK_HEADER_BYTES:block.end]
        if len(stored) < block.stored_bytes or hash_of(stored) != block.payload_hash:
            return None
        if block.flags & ~1:
            return None
        return unpack(stored, block.unpacked_bytes) if block.flags & 1 else stored

    def records(self):
        for block in self.blocks():
            payload = self.payload_of(block)
            if payload is None:
                self.damages.append((block.offset, min(block.end, len(self.data)) - block.offset))
                continue
            self.closed = block.kind == 1
            if block.kind != 0:
                continue
            number, at = block.first_record, 0
            while at < len(payload):
                size, = struct.unpack_from("<I", payload, at)
                fields = struct.unpack_from("<BBBBqqqII", payload, at + 4)
                yield Record(number, *fields, payload[at + RECORD_HEADER_BYTES:at + size])
                number, at = number + 1, at + size
            assert number == block.first_record + block.count, "as many as the header says"

    def index(self):
        """Rows of offset, first record, records, earliest and latest time; None: there is none."""
        offset, magic = struct.unpack("<Q8s", self.data[-16:])
        block = self.block_at(offset) if magic == INDEX_MAGIC else None
        if block is None or block.kind != 1:
            return None
        payload = self.payload_of(block)
        return [struct.unpack_from("<QQQqq", payload, 40 * i) for i in range(block.count)]


def _u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]
