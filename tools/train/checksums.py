"""The two checksums of Kinglet's files: XXH64 (core/abi/checksum.h) and the fingerprint of a model (kl_model_fingerprint)."""

import struct

import gguf_writer

_P1, _P2, _P3, _P4, _P5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_M = (1 << 64) - 1


def _rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & _M


def _round(lane, word):
    return _rotate((lane + word * _P2) & _M, 31) * _P1 & _M


def xxh64(data, seed=0):
    data = bytes(data)
    size, at = len(data), 0
    if size >= 32:
        lanes = [(seed + _P1 + _P2) & _M, (seed + _P2) & _M, seed, (seed - _P1) & _M]
        a, b, c, d = lanes
        for w0, w1, w2, w3 in struct.iter_unpack("<4Q", memoryview(data)[: size // 32 * 32]):
            a, b, c, d = _round(a, w0), _round(b, w1), _round(c, w2), _round(d, w3)
        at = size // 32 * 32
        hash_ = (_rotate(a, 1) + _rotate(b, 7) + _rotate(c, 12) + _rotate(d, 18)) & _M
        for lane in (a, b, c, d):
            hash_ = ((hash_ ^ _round(0, lane)) * _P1 + _P4) & _M
    else:
        hash_ = (seed + _P5) & _M
    hash_ = (hash_ + size) & _M
    while size - at >= 8:
        word = struct.unpack_from("<Q", data, at)[0]
        hash_ = (_rotate(hash_ ^ _round(0, word), 27) * _P1 + _P4) & _M
        at += 8
    if size - at >= 4:
        hash_ = (_rotate(hash_ ^ struct.unpack_from("<I", data, at)[0] * _P1 & _M, 23) * _P2 + _P3) & _M
        at += 4
    for byte in data[at:]:
        hash_ = _rotate(hash_ ^ byte * _P5 & _M, 11) * _P1 & _M
    hash_ = (hash_ ^ hash_ >> 33) * _P2 & _M
    hash_ = (hash_ ^ hash_ >> 29) * _P3 & _M
    return hash_ ^ hash_ >> 32


def model_fingerprint(architecture, tensors):
    """FNV-1a over the architecture and, per tensor in the file's order, its name, type, shape and first 64 bytes.

    tensors: as for gguf_writer.write."""
    value = 0xCBF29CE484222325

    def add(raw):
        nonlocal value
        for byte in raw:
            value = (value ^ byte) * 0x100000001B3 & _M

    add(architecture.encode())
    for name, array, kind in tensors:
        first = array.reshape(-1)[:128]  # 64 bytes or more in every type, and whole blocks
        add(name.encode())
        add(struct.pack("<i", kind))
        add(struct.pack(f"<{array.ndim}q", *array.shape))
        add(gguf_writer.pack(kind, first)[:64])
    return value

