from fastmlp import eval_numerical_gradient, rel_error
