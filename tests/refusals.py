"""A call that is refused changes nothing."""

import numpy as np
import pytest
from conftest import assert_same, batch, trained_state

X, Y = batch(6, 4, 3)


def state(net):
    """Everything that a call could change."""
    arrays = trained_state(net)
    for group in ("gradients", "outputs"):
        arrays |= {f"{group} {name}": np.array(array) for name, array in getattr(net, group).items()}
    return arrays


def refuses(net, call, error, match):
    before, drawn, history = state(net), np.random.get_state()[1:3], net.history
    with pytest.raises(error, match=match):
        call(net)
    assert_same(state(net), before)
    np.testing.assert_equal(np.random.get_state()[1:3], drawn)
    assert net.history is history
