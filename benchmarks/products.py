"""Each matrix product of a network's training step by tiles and by BLAS, with one thread.

    python -m benchmarks.products                                    # the layers of all cases that train
    python -m benchmarks.products --network 3072,120,120,10 200      # those of one network, at a batch of 200 rows

Each layer is a network of its own, without an activation, in two processes that take turns. In one, tiles compute all
products; the other leaves to BLAS what FASTMLP_PRODUCTS=blas leaves to it, as `fastmlp info --sizes --batch` shows. A
time contains what belongs to the call: the checks, the bias, the loss. No call computes the input gradient alone: its
time is that of a backward pass behind a layer of one input, minus that of a backward pass without such a layer.

Times and ratios are medians over the rounds ± half the range. Where a ratio is below 1, BLAS is faster.
"""

import argparse
import contextlib
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.cases import CASES, Case
from benchmarks.data import folder_of
from benchmarks.environment import provenance
from benchmarks.processes import PAUSE
from benchmarks.report import table
from benchmarks.rounds import progress, quoted, start

SYSTEMS = {"tiles": "benchmarks.systems.layer:ByTiles", "BLAS": "benchmarks.systems.layer:ByBlas"}
ROUNDS = 10
DTYPES = ("float32", "float64")


def network(sizes: str, batch: str) -> tuple[tuple[int, ...], int]:
    """Sizes and batch size of a network, as the command line has them."""
    return tuple(map(int, sizes.split(","))), int(batch)


def layers(networks: list[tuple[tuple[int, ...], int]]) -> dict[Case, bool]:
    """A case for each layer and dtype, and whether its input needs a gradient anywhere."""
    found = {}
    for dtype in DTYPES:
        for sizes, batch in networks:
            for number, pair in enumerate(pairwise(sizes)):
                case = Case(pair, batch, (), dtype=dtype, steps=1, rows=batch)
                found[case] = found.get(case, False) or number > 0
    return found


def times(case: Case, folder: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of each product of a layer, by product and system, in turns."""
    found = {
        product: {system: [] for system in SYSTEMS} for product in ("forward", "weight gradient", "input gradient")
    }
    with contextlib.ExitStack() as stack:
        workers = start(stack, SYSTEMS, case, 1, folder)
        for worker in workers.values():
            worker.get_ready()
        for number in progress(range(rounds), case.name):
            for system, worker in sorted(workers.items(), reverse=bool(number % 2)):
                time.sleep(PAUSE)
                forward, backward, with_dx = worker.ask("phases", number).values()
                for product, seconds in zip(found, (forward, backward, with_dx - backward), strict=True):
                    found[product][system].append(seconds)
    return found


def rows(case: Case, needs_dx: bool, folder: Path, rounds: int) -> list[list[str]]:
    """The rows of the table for one layer."""
    found, (n_in, n_out), batch = times(case, folder, rounds), case.sizes, case.batch
    shapes = f"{batch} x {n_out} x {n_in}", f"{n_in} x {n_out} x {batch}", f"{batch} x {n_in} x {n_out}"
    made = []
    for (product, by), shape in list(zip(found.items(), shapes, strict=True))[: 3 if needs_dx else 2]:
        texts = [text([1e6 * seconds for seconds in by[system]], 1) for system in SYSTEMS]
        ratio = text([slow / fast for fast, slow in zip(by["tiles"], by["BLAS"], strict=True)], 2)
        made.append([product, shape, case.dtype, *texts, ratio])
    return made


def text(values: list[float], digits: int) -> str:
    """Median ± half the range."""
    return "{:,.{n}f} ± {:,.{n}f}".format(*quoted(values, "").values(), n=digits)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs=2, action="append", metavar=("SIZES", "BATCH"), help="may be repeated")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    options = parser.parse_args()
    networks = [network(*given) for given in options.network or []]
    networks = networks or [(case.sizes, case.batch) for case in CASES if case.kind == "train"]
    found = provenance("benchmarks.products")["environment"]
    for name in "processor", "SIMD", "BLAS", "variables", "commit":
        print(f"{name}: {found[name]}")
    lines = []
    for case, needs_dx in layers(networks).items():
        with tempfile.TemporaryDirectory() as root:
            lines += rows(case, needs_dx, folder_of(case, Path(root)), options.rounds)
    heads = ("product", "rows x columns x terms", "dtype", "tiles, µs", "BLAS, µs", "BLAS / tiles")
    print(f"\n{table(heads, lines)}")


if __name__ == "__main__":
    main()
