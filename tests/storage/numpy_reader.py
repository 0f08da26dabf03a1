"""A reader of model files in plain numpy, written from docs/model-file.md alone."""

import hashlib
import json
import math
import zlib
from bisect import bisect_right

import numpy as np

BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8,
    "F16": 2, "F32": 4, "F64": 8, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
TYPES = list(BYTES)
EXPONENT = {"F16": 5, "F32": 8, "F64": 11, "BF16": 8, "F8_E4M3": 4, "F8_E5M2": 5}
T = [32768, 35734, 38968, 42495, 46341, 50535, 55109, 60097]
LENGTHS = [2**i for i in range(23, 0, -1)] + [2]
M = 2**64 - 1


def read(blob, dictionary):
    """Description of the model, and type, shape and bits of each tensor."""
    assert blob[:6] == b"\x8bskdo\x03"
    assert hashlib.sha256(blob[:6] + blob[22:]).digest()[:16] == blob[6:22]
    _, at = varint(blob, 22)
    n_tensors, at = varint(blob, at)
    length, at = varint(blob, at)
    text = zlib.decompressobj(-15, zdict=dictionary).decompress(blob[at : at + length])
    stream = Stream(blob[at + length :])
    return json.loads(text), [stream.tensor() for _ in range(n_tensors)]


def varint(blob, at):
    number = shift = 0
    while True:
        number |= (blob[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if blob[at - 1] < 128:
            return number, at


def frequencies(weights):
    occurs = [w > 0 for w in weights]
    total, spare = sum(weights), 65536 - sum(occurs)
    found = [w * spare // total + o for w, o in zip(weights, occurs, strict=True)]
    found[found.index(max(found))] += 65536 - sum(found)
    return found


class Stream:
    def __init__(self, data):
        n_flat, at = varint(data, 0)
        self.flat, self.words, self.at = data[at : at + n_flat], data[at + n_flat :], 0
        self.lower, self.width = 0, M
        self.point = self.word() << 32 | self.word()
        self.dtype, self.rows, self.lists = "F32", 0, []

    def word(self):
        chunk = self.words[self.at : self.at + 4]
        self.at += 4
        return int.from_bytes(chunk + b"\0" * (4 - len(chunk)), "big")

    def intervals(self, count, edges):
        found = np.zeros(count, dtype=np.int64)
        for k in range(count):
            scale = self.width >> 24
            quotient = ((self.point - self.lower) & M) // scale
            found[k] = i = bisect_right(edges, quotient) - 1
            self.lower = (self.lower + scale * edges[i]) & M
            self.width = scale * (edges[i + 1] - edges[i])
            if self.width < 2**32:
                self.lower, self.width = self.lower << 32 & M, self.width << 32
                self.point = (self.point << 32 & M) | self.word()
        return found

    def symbols(self, count, table):
        n, c = len(table), np.cumsum([0, *table])
        edges = [int(c[i]) * (2**24 - n) // int(c[-1]) + i for i in range(n)] + [2**24]
        return np.zeros(count, dtype=np.int64) if n < 2 else self.intervals(count, edges)

    def bits(self, count, width):
        values = [0] * count
        for low in reversed(range(0, width, 16)):
            w = min(16, width - low)
            piece = self.intervals(count, range(0, 2**24 + 1, 2 ** (24 - w)))
            values = [v | int(p) << low for v, p in zip(values, piece, strict=True)]
        return values

    def numbers(self, count, shift):
        lengths, values = self.symbols(count, LENGTHS), [0] * count
        for length in sorted(set(lengths[lengths > 0])):
            here = np.flatnonzero(lengths == length)
            for k, b in zip(here, self.bits(len(here), int(length)), strict=True):
                values[k] = (1 << int(length)) + b - 1
        return [v << shift | c for v, c in zip(values, self.bits(count, shift), strict=True)]

    def table(self, n, distances=None):
        if n < 2:
            return [1] * n
        kind = self.bits(1, 2)[0]
        if kind == 3:
            slope, drop = self.bits(1, 8)[0], self.bits(1, 5)[0]
            exponents = [max(0, 128 - d * slope // 4 - (drop if d else 0)) for d in distances]
            return frequencies([T[a & 7] << (a >> 3) for a in exponents])
        steps = self.numbers(n, self.bits(1, 2)[0])
        levels = np.cumsum([-(z + 1) // 2 if z % 2 else z // 2 for z in steps]).tolist()
        exponents = [(level - 1) << 3 - kind if level else None for level in levels]
        return frequencies([0 if a is None else T[a & 7] << (a >> 3) for a in exponents])

    def tensor(self):
        if not self.bits(1, 1)[0]:
            self.dtype = TYPES[self.bits(1, 4)[0]]
        shape = (self.rows,)
        if not self.bits(1, 1)[0]:
            shape = tuple(self.numbers(self.numbers(1, 1)[0], 4))
        self.rows = shape[0] if shape else 0
        found = self.numbers_of(shape) if math.prod(shape) else []
        unsigned = f"<u{BYTES[self.dtype]}"
        mask = 2 ** (8 * BYTES[self.dtype]) - 1
        patterns = np.array([int(v) & mask for v in found], dtype=unsigned)
        return self.dtype, shape, patterns.tobytes()

    def numbers_of(self, shape):
        form, count = self.bits(1, 3)[0], math.prod(shape)
        if form == 0:
            return [self.value()] * count
        if form == 1:
            return self.codes(shape, *self.numbers(2, 0), is_ordered=True)
        if form == 2:
            size = BYTES[self.dtype]
            step = np.array(self.value(), f"<u{size}").view(f"<f{size}")
            codes = self.codes(shape, *self.numbers(2, 0), is_ordered=True)
            return (codes.astype(step.dtype) * step).view(f"<u{size}")
        if form == 3:
            n, shift = self.numbers(1, 2)[0], self.bits(1, 6)[0]
            steps = self.numbers(n, shift)
            self.lists.append([0, *(sum(steps[: k + 1]) + k + 1 for k in range(n))])
        if form in (3, 4):
            values = self.lists[-1 if form == 3 else self.numbers(1, 0)[0]]
            return [values[c] for c in self.codes(shape, 0, len(values) - 1, is_ordered=False)]
        if form == 5:
            return self.planes(count)
        flags = self.zeros(shape)
        found = np.zeros(count, dtype=object)
        found[flags] = self.planes(int(flags.sum()))
        return found

    def value(self):
        size = BYTES[self.dtype]
        kept = self.bits(1, size.bit_length())[0]
        number = self.bits(1, 8 * kept)[0]
        return number << 8 * (size - kept) if self.dtype in EXPONENT else number

    def codes(self, shape, low, high, *, is_ordered):
        flags = self.zeros(shape)
        alphabet = np.r_[np.arange(-low, 0), np.arange(1, high + 1)].astype(np.int64)
        distances = (np.abs(alphabet) - 1).tolist() if is_ordered else None
        table = self.table(low + high, distances)
        codes = np.zeros(math.prod(shape), dtype=np.int64)
        if flags.any():
            codes[flags] = alphabet[self.symbols(int(flags.sum()), table)]
        return codes

    def zeros(self, shape):
        shape = shape or (1,)
        n_rows, n_columns, inner = shape[0], math.prod(shape[1:]), math.prod(shape[2:])
        grouping = self.bits(1, 2)[0] if len(shape) > 2 else 0
        column = np.arange(n_columns)
        group = (column, column // inner, column % inner)[grouping]
        sizes = n_rows, (n_columns, n_columns // inner, inner)[grouping]
        k_rows, k_groups = (self.bits(1, 3)[0] + 1 if n > 1 else 1 for n in sizes)
        levels = np.reshape(self.bits(k_rows * k_groups, 7), (k_rows, k_groups))
        rows = self.symbols(sizes[0], self.table(k_rows))
        columns = self.symbols(sizes[1], self.table(k_groups))[group]
        flags = levels[rows][:, columns] == 122
        for (r, c), level in np.ndenumerate(levels):
            if 0 < level < 122:
                at = np.ix_(rows == r, columns == c)
                q = (level if level < 62 else 122 - level) - 1
                f = (T[2 * q & 7] << int(q >> 2)) >> 15
                table = [65536 - f, f] if level < 62 else [f, 65536 - f]
                shape = flags[at].shape
                flags[at] = self.symbols(math.prod(shape), table).reshape(shape)
        return flags.reshape(-1)

    def planes(self, count):
        width = 8 * BYTES[self.dtype]
        n_low = width - EXPONENT.get(self.dtype, 8)
        found = [0] * count
        planes = [(n_low, width - n_low)]
        planes += [(low, min(8, n_low - low)) for low in reversed(range(0, n_low, 8))]
        for low, size in planes:
            plane = self.plane(count, size)
            found = [v | int(p) << low for v, p in zip(found, plane, strict=True)]
        if self.dtype in EXPONENT:
            found = [v >> 1 | (v & 1) << (width - 1) for v in found]
        return found

    def plane(self, count, size):
        if not self.bits(1, 1)[0]:
            least, span = self.numbers(2, 4)
            return self.symbols(count, self.table(span + 1)) + least
        if size != 8:
            return self.bits(count, size)
        found, self.flat = self.flat[:count], self.flat[count:]
        return found
