"""What `fastmlp info` says about the installation, and about the products of a network."""

import json

import pytest
from cli_helpers import found
from conftest import can_limit_blas
from process_helpers import run_python

from fastmlp import _kernels

pytestmark = pytest.mark.application

BATCH_OF_32 = [
    (1, "forward", 32, 32, 64),
    (1, "weight gradient", 64, 32, 32),
    (2, "forward", 32, 1, 32),
    (2, "weight gradient", 32, 1, 32),
    (2, "input gradient", 32, 32, 1),
]
SCRIPT = """
from fastmlp.cli.commands import cli
cli(["info", "--json", *"{}".split()])
"""


def shown(arguments, **variables):
    """What the command prints as JSON in a process with these environment variables."""
    return json.loads(run_python(SCRIPT.format(arguments), **variables))


def computed_by(products):
    return [product["computed_by"] for product in products]


def test_products_are_those_of_a_training_step(run):
    products = found(run("info", "--json", "--sizes", "64,32,1", "--batch", 32))["training_products"]
    names = ("layer", "product", "rows", "columns", "terms")
    assert [tuple(product[name] for name in names) for product in products] == BATCH_OF_32


def test_a_large_batch_goes_forward_and_back_in_chunks(run):
    products = found(run("info", "--json", "--sizes", "4,3,2", "--batch", 1000))["training_products"]
    n = _kernels.CHUNK_ROWS
    assert [(product["rows"], product["terms"]) for product in products] == [(n, 4), (4, n), (n, 3), (3, n), (n, 2)]


def test_products_as_text(run):
    result = run("info", "--sizes", "4,2", "--batch", 3)
    assert result.output.splitlines()[-3:] == [
        "layer  product          rows x columns x terms  computed by",
        "1      forward          3 x 2 x 4               tiles",
        "1      weight gradient  4 x 2 x 3               tiles",
    ]


@can_limit_blas
def test_small_products_and_those_of_vectors_are_never_left_to_blas():
    batch, row = (
        shown(arguments, FASTMLP_PRODUCTS="blas")["training_products"]
        for arguments in ("--sizes 64,32,1 --batch 32", "--sizes 100,100,100 --batch 1")
    )
    assert computed_by(batch) == ["BLAS", "BLAS", "tiles", "tiles", "tiles"]
    assert computed_by(row) == ["tiles", "tiles", "tiles", "tiles", "BLAS"]


def test_where_tiles_compute_all_products_the_bits_are_the_same_with_fused_multiply_add():
    lines = shown("--sizes 64,32,1 --batch 32", FASTMLP_PRODUCTS="tiles")
    assert computed_by(lines["training_products"]) == ["tiles"] * 5
    answer = "yes, on any processor" if _kernels.build_info()["has_fma"] else "not on processors"
    assert lines["same bits"].startswith(f"{answer} with fused multiply-add")


@can_limit_blas
def test_where_blas_computes_products_the_bits_are_its_own():
    line = shown("", FASTMLP_PRODUCTS="blas")["same bits"]
    assert line.startswith("not on other processors")
    assert ("FASTMLP_PRODUCTS=blas" in line) is _kernels.build_info()["has_fma"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--sizes", "4,3"), "--batch"),
        (("--batch", "3"), "--sizes"),
        (("--sizes", "4", "--batch", "3"), "--sizes"),
        (("--sizes", "4,x", "--batch", "3"), "--sizes"),
        (("--sizes", "4,0", "--batch", "3"), "--sizes"),
        (("--sizes", f"4,{2**31}", "--batch", "3"), "--sizes"),
        (("--sizes", "4,3", "--batch", "0"), "--batch"),
        (("--sizes", "4,3", "--batch", 2**31), "--batch"),
    ],
)
def test_sizes_and_batches_that_make_no_network_are_refused(run, options, name):
    result = run("info", *options)
    assert result.exit_code == 2
    assert name in result.stderr.splitlines()[-1]


def test_products_that_cannot_be_counted_are_refused(run):
    largest = 2**31 - 1
    result = run("info", "--sizes", f"{largest},{largest}", "--batch", 2)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"{largest} inputs" in result.stderr
