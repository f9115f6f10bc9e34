"""Which units dropout leaves in, in NumPy, as the kernels compute it (_dropout.pxd)."""

import numpy as np

# Multipliers, and increments of the key.
_M = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_ROUNDS = 10
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)

# A unit is dropped where a number below this one is below the rate times this one; 31 bits fit into any intp.
RANGE = 2**31
# Unit 64 i + 16 j + k has word j of counter 16 i + k, as in _dropout.pxd.
UNITS, COUNTERS = 64, 16


def limit(rate: float) -> int:
    """How many of these numbers drop a unit; not all of them, since the rate is below 1."""
    return min(round(rate * RANGE), RANGE - 1)


def scaled_mask(rate: float, seed: int, n_updates: int, layer: int, n_rows: int, n_units: int) -> np.ndarray:
    """0 for units that are dropped, 1 / (1 - rate) for others, float64 (n_rows, n_units).

    Parameters
    ----------
    rate : float
        The probability that a unit is dropped.
    seed, n_updates : int
        Of the network.
    layer : int
        0 for the inputs, 1 for the first hidden layer, and so on.
    """
    units, rows = np.arange(n_units), np.arange(n_rows)[:, np.newaxis]
    counter = [
        units // UNITS * COUNTERS + units % COUNTERS,
        rows,
        np.array(n_updates & 0xFFFFFFFF),
        np.array(n_updates >> 32),
    ]
    words = philox(counter, (seed, layer))
    chosen = np.choose(units % UNITS // COUNTERS, words)
    return (chosen >> np.uint32(1) >= limit(rate)) / (1 - limit(rate) / RANGE)


def philox(counter: list[np.ndarray], key: tuple[int, int]) -> list[np.ndarray]:
    """Four random words, uint32, for each counter of four words, by Philox4x32-10.

    Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.functions.dropout import philox
    >>> [hex(word) for word in philox([np.array(0)] * 4, (0, 0))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    x = [word.astype(np.uint32) for word in np.broadcast_arrays(*counter)]
    keys = [np.array(word, np.uint32) for word in key]
    for _ in range(_ROUNDS):
        first, second = _M[0] * x[0].astype(np.uint64), _M[1] * x[2].astype(np.uint64)
        x = [
            (second >> _SHIFT).astype(np.uint32) ^ x[1] ^ keys[0],
            (second & _LOW).astype(np.uint32),
            (first >> _SHIFT).astype(np.uint32) ^ x[3] ^ keys[1],
            (first & _LOW).astype(np.uint32),
        ]
        with np.errstate(over="ignore"):
            keys = [word + increment for word, increment in zip(keys, _W, strict=True)]
    return x
