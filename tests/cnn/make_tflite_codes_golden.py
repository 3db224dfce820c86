#!/usr/bin/env python3
"""Expected outputs of 8-bit TFLite networks, by an implementation that shares nothing with Kinglet.

Lets flatc turn the file into JSON and computes in Python's whole numbers, as TFLite's reference
operators are defined: a factor is a fraction of 31 bits and a shift, every product and shift rounds
halves away from zero. Scales are read from the file itself: flatc prints floats with six digits behind
the point, which leaves a scale of 0.0012 with three. The input is FillAny() of tflite_test.cc. Writes
{name: codes} as JSON:

    make_tflite_codes_golden.py loaders/tflite/schema.fbs TESTDATA/cnn/vww_96_int8.tflite ... \\
        > tflite_codes_golden.json
"""

import itertools
import json
import math
import os
import struct
import subprocess
import sys
import tempfile


def read(schema, path):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["flatc", "--json", "--raw-binary", "--strict-json", "-o", folder + "/",
                        schema, "--", path], check=True)
        name = os.path.splitext(os.path.basename(path))[0]
        with open(os.path.join(folder, name + ".json")) as file:
            return json.load(file)


class Table:
    """A table of a FlatBuffer: fields by the number that schema.fbs gives them."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    @staticmethod
    def root(data):
        return Table(data, struct.unpack_from("<I", data)[0])

    def _target(self, field):
        """Where the field points, or None where it is absent."""
        vtable = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        if 4 + 2 * field >= struct.unpack_from("<H", self.data, vtable)[0]:
            return None
        offset = struct.unpack_from("<H", self.data, vtable + 4 + 2 * field)[0]
        return self.at + offset + struct.unpack_from("<I", self.data, self.at + offset)[0] if offset else None

    def table(self, field):
        at = self._target(field)
        return None if at is None else Table(self.data, at)

    def tables(self, field):
        at = self._target(field)
        places = range(at + 4, at + 4 + 4 * struct.unpack_from("<I", self.data, at)[0], 4)
        return [Table(self.data, p + struct.unpack_from("<I", self.data, p)[0]) for p in places]

    def floats(self, field):
        at = self._target(field)
        if at is None:
            return []
        return list(struct.unpack_from(f"<{struct.unpack_from('<I', self.data, at)[0]}f", self.data, at + 4))


def read_scales(path):
    """The scales of each tensor, as the file has them."""
    with open(path, "rb") as file:
        model = Table.root(file.read())
    quantisations = [tensor.table(4) for tensor in model.tables(2)[0].tables(0)]
    return [q.floats(2) if q else [] for q in quantisations]


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def shift_away(value, bits):
    """value / 2^bits, halves away from zero."""
    half = (1 << bits) >> 1
    return (value + half) >> bits if value >= 0 else -((-value + half) >> bits)


def high(a, b):
    """a * b / 2^31: TFLite rounds halves up, also of negative products."""
    product = a * b
    if product >= 0:
        return (product + (1 << 30)) >> 31
    return -((-product + (1 << 30) - 1) >> 31)


def fixed(factor):
    fraction, exponent = math.frexp(factor)
    whole = math.floor(fraction * (1 << 31) + 0.5)
    if whole == 1 << 31:
        whole, exponent = whole // 2, exponent + 1
    return whole, exponent


def multiply(value, factor):
    fraction, exponent = factor
    return shift_away(high(value << max(exponent, 0), fraction), max(-exponent, 0))


class Tensor:
    def __init__(self, description, scales, buffers):
        self.shape = description.get("shape", [])
        quantisation = description.get("quantization", {})
        self.scales = scales
        self.zeros = quantisation.get("zero_point", [])
        kind = {"INT8": "b", "UINT8": "B", "INT32": "i"}.get(description.get("type"))
        data = buffers[description.get("buffer", 0)].get("data", [])
        self.values = list(struct.unpack(f"<{len(data) // struct.calcsize(kind)}{kind}",
                                         bytes(data))) if data else None


def clamp_of(activation, y):
    low, high_end = -128, 127
    code = lambda real: math.floor(real / y.scales[0] + 0.5) + y.zeros[0]
    if activation in ("RELU", "RELU6"):
        low = max(low, code(0))
    if activation == "RELU6":
        high_end = min(high_end, code(6))
    return lambda v: min(max(v, low), high_end)


def pads(sizes, kernel, strides, padding, outputs):
    if padding != "SAME":
        return [0, 0]
    return [max(0, (o - 1) * s + k - n) // 2 for n, k, s, o in zip(sizes, kernel, strides, outputs)]


def convolution(x, w, bias, y, options, depthwise):
    _, height, width, channels = x.shape
    kernel, (rows, columns, outputs) = w.shape[1:3], y.shape[1:4]
    strides = options.get("stride_h", 1), options.get("stride_w", 1)
    top, left = pads((height, width), kernel, strides, options.get("padding", "SAME"), (rows, columns))
    keep = clamp_of(options.get("activation", "NONE"), y)
    factors = [fixed(x.scales[0] * s / y.scales[0]) for s in w.scales]
    codes = [v - x.zeros[0] for v in x.values]
    y.values = []
    size = kernel[0] * kernel[1] * channels
    for r, c in itertools.product(range(rows), range(columns)):
        taps = []  # (offset in x, offset in w)
        for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
            h, v = r * strides[0] - top + i, c * strides[1] - left + j
            if 0 <= h < height and 0 <= v < width:
                taps.append(((h * width + v) * channels, (i * kernel[1] + j)))
        for m in range(outputs):
            total = bias[m] if bias else 0
            for from_x, tap in taps:
                if depthwise:
                    total += codes[from_x + m * channels // outputs] * w.values[tap * outputs + m]
                else:
                    first = m * size + tap * channels
                    total += sum(map(int.__mul__, codes[from_x:from_x + channels],
                                     w.values[first:first + channels]))
            y.values.append(keep(multiply(total, factors[m % len(factors)]) + y.zeros[0]))


def fully_connected(x, w, bias, y, options):
    keep = clamp_of(options.get("activation", "NONE"), y)
    # TFLite multiplies these scales in f32.
    factor = fixed(f32(x.scales[0] * w.scales[0]) / y.scales[0])
    depth = w.shape[1]
    codes = [v - x.zeros[0] for v in x.values]
    y.values = [keep(multiply(sum(map(int.__mul__, codes[r:r + depth], w.values[m * depth:(m + 1) * depth])) +
                              (bias[m] if bias else 0), factor) + y.zeros[0])
                for r in range(0, len(codes), depth) for m in range(w.shape[0])]


def add(a, b, y, options):
    assert a.shape == b.shape
    keep = clamp_of(options.get("activation", "NONE"), y)
    twice = 2 * max(a.scales[0], b.scales[0])
    of_a, of_b = fixed(a.scales[0] / twice), fixed(b.scales[0] / twice)
    of_y = fixed(twice / ((1 << 20) * y.scales[0]))
    y.values = [keep(multiply(multiply((p - a.zeros[0]) << 20, of_a) + multiply((q - b.zeros[0]) << 20, of_b), of_y) +
                     y.zeros[0]) for p, q in zip(a.values, b.values)]


def average_pool(x, y, options):
    _, height, width, channels = x.shape
    _, rows, columns, _ = y.shape
    kernel = options["filter_height"], options["filter_width"]
    strides = options.get("stride_h", 1), options.get("stride_w", 1)
    top, left = pads((height, width), kernel, strides, options.get("padding", "SAME"), (rows, columns))
    keep = clamp_of(options.get("activation", "NONE"), y)
    y.values = []
    for r, c, m in itertools.product(range(rows), range(columns), range(channels)):
        inside = [x.values[(h * width + v) * channels + m]
                  for h in range(r * strides[0] - top, r * strides[0] - top + kernel[0]) if 0 <= h < height
                  for v in range(c * strides[1] - left, c * strides[1] - left + kernel[1]) if 0 <= v < width]
        total, count = sum(inside), len(inside)
        mean = (total + count // 2) // count if total > 0 else -((-total + count // 2) // count)
        y.values.append(keep(mean))


ONE = (1 << 31) - 1


def exp_of_negative(x):
    """e^x for x in units of 2^-26 as a fraction of 31 bits."""
    if x == 0:
        return ONE
    rest = (x & ((1 << 24) - 1)) - (1 << 24)
    d = (rest << 5) + (1 << 28)
    d2 = high(d, d)
    higher = shift_away(high(shift_away(high(d2, d2), 2) + high(d2, d), 715827883) + d2, 1)
    near = round(math.exp(-1 / 8) * (1 << 31))
    result = near + high(near, d + higher)
    quarters = rest - x
    for k in range(-2, 5):
        if quarters >> (26 + k) & 1:
            result = high(result, round(math.exp(-2.0 ** k) * (1 << 31)))
    return result


def reciprocal_of_one_plus(x):
    half = (x + ONE + 1) // 2
    r = round(48 / 17 * (1 << 29)) + high(half, -round(32 / 17 * (1 << 29)))
    for _ in range(3):
        r += high(r, (1 << 29) - high(half, r)) << 2
    return min(r << 1, ONE)


def softmax(x, y, options):
    factor = fixed(min(options.get("beta", 0.0) * x.scales[0] * (1 << 26), float(ONE)))
    lowest = -math.floor(31 * (1 << 26) / (1 << factor[1]))
    length = x.shape[-1]
    y.values = []
    for first in range(0, len(x.values), length):
        row = x.values[first:first + length]
        differences = [v - max(row) for v in row]
        exps = [exp_of_negative(multiply(d, factor)) if d >= lowest else None for d in differences]
        total = sum(shift_away(e, 12) for e in exps if e is not None)
        leading = 32 - total.bit_length()
        reciprocal = reciprocal_of_one_plus((total << leading) - (1 << 31))
        for e in exps:
            code = 0 if e is None else shift_away(high(reciprocal, e), 12 - leading + 23)
            y.values.append(min(code, 255) - 128)


def run(schema, path):
    model = read(schema, path)
    graph = model["subgraphs"][0]
    tensors = [Tensor(t, s, model["buffers"]) for t, s in zip(graph["tensors"], read_scales(path))]
    state, x = 1, tensors[graph["inputs"][0]]
    x.values = []
    for _ in range(math.prod(x.shape)):
        state = (state * 1664525 + 1013904223) % (1 << 32)
        x.values.append((state >> 24) - 256 if state >> 31 else state >> 24)
    for op in graph["operators"]:
        code = model["operator_codes"][op.get("opcode_index", 0)]
        code = max(code.get("builtin_code", 0), code.get("deprecated_builtin_code", 0))
        options = op.get("options") or {}
        inputs = [tensors[i] for i in op["inputs"] if i >= 0]
        y = tensors[op["outputs"][0]]
        bias = inputs[2].values if len(inputs) > 2 else None
        if code in (3, 4):
            convolution(inputs[0], inputs[1], bias, y, options, code == 4)
        elif code == 9:
            fully_connected(inputs[0], inputs[1], bias, y, options)
        elif code == 0:
            add(inputs[0], inputs[1], y, options)
        elif code == 1:
            average_pool(inputs[0], y, options)
        elif code == 25:
            softmax(inputs[0], y, options)
        elif code in (22, 43):
            y.values = inputs[0].values
        else:
            raise NotImplementedError(f"operator {code}")
        assert len(y.values) == math.prod(y.shape), code
    return tensors[graph["outputs"][0]].values


def main():
    schema = sys.argv[1]
    print(json.dumps({os.path.basename(path): run(schema, path) for path in sys.argv[2:]}))


if __name__ == "__main__":
    main()
