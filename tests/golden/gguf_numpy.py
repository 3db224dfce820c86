"""Reads GGUF v2/v3 with numpy alone: metadata as a dict, tensors as f32 arrays (F32, F16, Q8_0, Q4_0)."""

import struct

import numpy as np

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_BLOCK = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34)}  # type: values and bytes of a block


def _dequantise(kind, raw):
    if kind == 0:
        return np.frombuffer(raw, "<f4").astype(np.float32)
    if kind == 1:
        return np.frombuffer(raw, "<f2").astype(np.float32)
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, _BLOCK[kind][1])
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    if kind == 8:
        return (scale * blocks[:, 2:].view(np.int8).astype(np.float32)).reshape(-1)
    nibbles = np.concatenate((blocks[:, 2:] & 15, blocks[:, 2:] >> 4), axis=1)  # low nibbles are the first 16 values
    return (scale * (nibbles.astype(np.float32) - 8.0)).reshape(-1)


class Gguf:
    """`metadata[key]`; `tensor(name)` is f32 in numpy order, the reverse of GGUF's ne."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self._raw, self._at = file.read(), 0
        magic, version, tensors, entries = self._read("<I"), self._read("<I"), self._read("<Q"), self._read("<Q")
        if magic != 0x46554747 or version not in (2, 3):
            raise ValueError(f"{path}: expected GGUF version 2 or 3, found magic {magic:#x} and version {version}")
        self.metadata = {}
        for _ in range(entries):
            key = self._text()
            self.metadata[key] = self._value(self._read("<I"))
        self._tensors = {}
        for _ in range(tensors):
            name = self._text()
            ne = [self._read("<Q") for _ in range(self._read("<I"))]
            kind, offset = self._read("<I"), self._read("<Q")
            if kind not in _BLOCK:
                raise ValueError(f"{path}: tensor {name} has type {kind}; this reader knows F32 (0), F16 (1), Q4_0 (2), Q8_0 (8)")
            self._tensors[name] = (ne, kind, offset)
        alignment = self.metadata.get("general.alignment", 32)
        self._data = -(-self._at // alignment) * alignment

    def _read(self, form):
        value = struct.unpack_from(form, self._raw, self._at)[0]
        self._at += struct.calcsize(form)
        return value

    def _text(self):
        size = self._read("<Q")
        self._at += size
        return self._raw[self._at - size : self._at].decode("utf-8")

    def _value(self, kind):
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            inner, count = self._read("<I"), self._read("<Q")
            return [self._value(inner) for _ in range(count)]
        return self._read(_SCALARS[kind])

    def __contains__(self, name):
        return name in self._tensors

    def ne(self, name):
        return self._tensors[name][0]

    def tensor(self, name):
        ne, kind, offset = self._tensors[name]
        count = int(np.prod(ne))
        values, size = _BLOCK[kind]
        begin = self._data + offset
        return _dequantise(kind, self._raw[begin : begin + count // values * size]).reshape(ne[::-1])
