"""Calls that coverage guides: what libFuzzer makes of the inputs that led furthest decides on a network's next calls.

    python -P -m robustness.fuzz_native INPUTS SEED

in a build with libFuzzer's counters and AddressSanitizer, which `robustness.sanitize` makes. Prints how many calls
these inputs were. Needs atheris, whose library has to be loaded before Python.
"""

import itertools
import sys

import atheris
from hypothesis.stateful import get_state_machine_test

with atheris.instrument_imports(include=["fastmlp"]):
    from robustness.calls import Networks, prepared


def main(n_inputs: int, seed: int) -> None:
    attempt, inputs = (
        get_state_machine_test(Networks, settings=prepared()).hypothesis.fuzz_one_input,
        itertools.count(1),
    )

    def one_input(data: bytes) -> None:
        attempt(data)
        if next(inputs) == n_inputs:
            print(Networks.n_calls, flush=True)

    # from the first input on, long ones: a short one is a call or two
    atheris.Setup([sys.argv[0], f"-runs={n_inputs}", f"-seed={seed}", "-max_len=8192", "-len_control=0"], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
