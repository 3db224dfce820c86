"""Writes GGUF version 3 with numpy alone: metadata, tensor table, aligned data, q8_0 quantisation."""

import struct

import numpy as np

ALIGNMENT = 32
F32, F16, Q8_0 = 0, 1, 8
_U32, _F32, _BOOL, _STRING, _ARRAY, _I32 = 4, 6, 7, 8, 9, 5


def quantise_q8_0(weights):
    """Blocks of 32: an f16 scale, then 32 signed bytes. Returns bytes [rows, blocks * 34]."""
    blocks = np.asarray(weights, dtype=np.float32).reshape(-1, 32)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127.0
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    scaled = blocks * inverse
    quants = np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int8)  # half away from zero
    packed = np.empty((len(blocks), 34), dtype=np.uint8)
    packed[:, :2] = scale.astype(np.float16).view(np.uint8)
    packed[:, 2:] = quants.view(np.uint8)
    return packed.tobytes()


def _string(text):
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def _scalar(value):
    """Type code and bytes. int means u32, float f32; a GGUF array takes its type from its first element."""
    if isinstance(value, bool):
        return _BOOL, struct.pack("<B", value)
    if isinstance(value, np.int32):
        return _I32, struct.pack("<i", value)
    if isinstance(value, int):
        return _U32, struct.pack("<I", value)
    if isinstance(value, float):
        return _F32, struct.pack("<f", value)
    if isinstance(value, str):
        return _STRING, _string(value)
    raise TypeError(f"metadata of type {type(value).__name__} is not supported: expected bool, int, float, str or a list of one of them")


def _value(value):
    if isinstance(value, list):
        parts = [_scalar(v) for v in value]
        kind = parts[0][0] if parts else _STRING
        return struct.pack("<IIQ", _ARRAY, kind, len(parts)) + b"".join(p[1] for p in parts)
    kind, raw = _scalar(value)
    return struct.pack("<I", kind) + raw


def write(path, metadata, tensors):
    """tensors: list of (name, f32 array, type). numpy's [rows, columns] is GGUF's ne = [columns, rows]."""
    head = struct.pack("<IIQQ", 0x46554747, 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += _string(key) + _value(value)
    blobs, offset = [], 0
    for name, array, kind in tensors:
        if kind == Q8_0:
            if array.shape[-1] % 32:
                raise ValueError(f"{name}: rows of {array.shape[-1]} values cannot be q8_0, which needs a multiple of 32")
            blob = quantise_q8_0(array)
        else:
            blob = np.ascontiguousarray(array, dtype={F32: "<f4", F16: "<f2"}[kind]).tobytes()
        head += _string(name) + struct.pack("<I", array.ndim) + struct.pack(f"<{array.ndim}Q", *reversed(array.shape))
        head += struct.pack("<IQ", kind, offset)
        blobs.append(blob + b"\0" * (-len(blob) % ALIGNMENT))
        offset += len(blobs[-1])
    with open(path, "wb") as file:
        file.write(head + b"\0" * (-len(head) % ALIGNMENT))
        file.writelines(blobs)
