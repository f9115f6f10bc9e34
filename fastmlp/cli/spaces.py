"""What `fastmlp tune` searches, from what its options say."""

import ast
import re
from collections.abc import Iterable
from typing import Any

from fastmlp.cli.presets import Preset


def parsed(name: str, text: str) -> Any:
    """A list of choices, or a distribution: `0.1,0.2`, `SGD,Adam`, `[64,32],[64]`, `loguniform(1e-3, 1)`."""
    match = re.fullmatch(r"(uniform|loguniform)\((.*),(.*)\)", text.replace(" ", ""))
    if match:
        kind = match[1]
        try:
            low, high = float(match[2]), float(match[3])
        except ValueError:
            low, high = 0.0, 0.0
        if not low < high or (kind == "loguniform" and low <= 0):
            raise ValueError(
                f"{name} must have two bounds, the lower one first and positive for a logarithm, got {text!r}"
            )
        import scipy.stats  # takes longer than all the rest of a command's start

        return scipy.stats.uniform(low, high - low) if kind == "uniform" else scipy.stats.loguniform(low, high)
    whole = _value(f"[{text}]")
    return whole if isinstance(whole, list) else [_value(part.strip()) for part in text.split(",")]


def _value(text: str) -> Any:
    """What Python makes of it, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def searched(preset: Preset, params: Iterable[tuple[str, Any]], epochs: int | None) -> dict[str, Any]:
    """The preset's settings, with other values for what is varied: the params, or a grid around the preset."""
    settings = preset.settings | ({} if epochs is None else {"epochs": epochs})
    rate, strength = settings["learning_rate"], settings["regularization"]
    params = list(params)
    names = [name for name, _ in params]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--param {name} must be given once, with commas between its values, got it twice")
    if epochs is not None and "epochs" in names:
        raise ValueError("epochs must be given by --epochs or by --param epochs, got both")
    varied = dict(params) or {
        "num_layers": [2, 3],
        "learning_rate": [rate / 2, rate, rate * 2],
        "regularization": [strength, strength * 10],
    }
    network: dict[str, Any] = {"num_layers": len(preset.hidden_sizes) + 1, "hidden_size": preset.hidden_sizes[0]}
    return (network if "hidden_sizes" not in varied else {}) | settings | varied
