"""Values of hyper-parameters as texts, such as a command or a file of settings has them."""

import ast
import re
from typing import Any


def parsed(name: str, text: str) -> Any:
    """A list of choices, or a distribution: `0.1,0.2`, `SGD,Adam`, `[64,32],[64]`, `loguniform(1e-3, 1)`.

    Words in a list, as in `[relu,tanh],gelu`, need no quotes.
    """
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
        import scipy.stats  # slow to import

        return scipy.stats.uniform(low, high - low) if kind == "uniform" else scipy.stats.loguniform(low, high)
    return _value(f"[{text}]")


def _value(text: str) -> Any:
    """A text as a Python literal, as a list of such values, or the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        if not (text.startswith("[") and text.endswith("]")):
            return text
        outside_brackets = r",(?![^\[]*\])"
        return [_value(part.strip()) for part in re.split(outside_brackets, text[1:-1])]
