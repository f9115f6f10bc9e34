"""What the docstrings of both estimators say of their parameters and attributes."""

NETWORK = """\
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Number of units of each hidden layer.
    activation : str or list of str, default="relu"
        What each hidden layer applies to its sums, or a list with one for each layer: "identity", "logistic", "tanh",
        "relu", and also "leaky_relu", "elu", "gelu", "gelu_tanh" and "silu"."""

TRAINING = """\
    solver : {"adam", "sgd", "lbfgs", "adamw"}, default="adam"
        Adam (Kingma and Ba, 2015); stochastic gradient descent with momentum; L-BFGS (Liu and Nocedal, 1989), which
        takes all rows at once; AdamW (Loshchilov and Hutter, 2019).
    alpha : float, default=0.0001
        Strength of the L2 regularisation of the weights. A batch's loss is (losses of its rows + alpha / 2 *
        sum(weights**2)) / rows, where a row counts as often as its weight says.
    batch_size : int or "auto", default="auto"
        Rows of one update; "auto" takes 200, or all if they are fewer.
    learning_rate : str or Schedule or callable, default="constant"
        How the rate changes. With the solver "sgd" only: "invscaling" divides it by (rows seen + 1)**power_t after each
        epoch, "adaptive" by 5 when training would stop. With all solvers but "lbfgs": a name or an object of
        `fastmlp.schedules`, such as "cosine".
    learning_rate_init : float, default=0.001
        The rate to begin with.
    power_t : float, default=0.5
        The power of "invscaling".
    max_iter : int, default=200
        Most epochs of a call of `fit`, or iterations of L-BFGS.
    shuffle : bool, default=True
        Shuffle the rows before each epoch.
    random_state : int, RandomState or None, default=None
        Draws the initial weights, the rows to validate with, the order of the rows and a seed of dropout, in this
        order; as scikit-learn's estimators draw them, so that the same seed gives the same network, up to rounding.
    tol : float, default=0.0001
        How much better an epoch must be to count; of L-BFGS, the largest element of the gradient at which it ends.
    verbose : bool, default=False
        Print loss and validation score of each epoch.
    warm_start : bool, default=False
        Let `fit` go on with the network of the last call.
    momentum : float, default=0.9
        Of the solver "sgd", in [0, 1).
    nesterovs_momentum : bool, default=True
        Take Nesterov's momentum (Bengio et al., 2013, equation 7).
    early_stopping : bool, default=False
        Stop when the score of validation rows no longer improves, and keep the parameters of the best epoch. Without
        it, training stops when the training loss no longer improves, and keeps the last ones.
    validation_fraction : float, default=0.1
        The share of the rows that are held out for that, where `fit` is given none.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Adam's decay rates of the two moments, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of Adam's second moment before this is corrected (Kingma and Ba, the end of section 2).
    n_iter_no_change : int or inf, default=10
        Number of epochs without an improvement after which training stops.
    max_fun : int, default=15000
        Most evaluations of the loss by L-BFGS."""

MORE = """\
    dropout : float or list of float, default=0.0
        The probability with which each unit of the hidden layers is dropped in training (Srivastava et al., 2014), or a
        list: the rate of the inputs first, then one for each hidden layer.
    weight_decay : float, default=0.01
        AdamW's decoupled decay: each update also subtracts rate * weight_decay * parameter.
    clip_norm : float or None, default=None
        Scale each batch's gradient down to this global norm where its own is larger (Pascanu et al., 2013).
    standardize : bool, default=False
        Learn mean and standard deviation of each column in `fit`, of the rows to train on that weigh more than 0, and
        standardise all rows by them, inside the network.
    n_threads : int or None, default=None
        Threads to compute with; by default as many as there are processors for this process, or a share of them where
        networks are trained in several Python threads. Results do not depend on it.
    callbacks : iterable of callable or None, default=None
        Each is called as `callback(network, history)` after each epoch, as in `NeuralNetwork.fit`; one that returns
        True ends the training. scikit-learn 1.9 and newer has `set_callbacks` for its own protocol, besides."""

ATTRIBUTES = """\
    network_ : fastmlp.NeuralNetwork
        The network, live: what changes it changes the estimator. Its `history` is that of the last call.
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and biases (n_out,) of each layer, live; assigned arrays are copied into place. With
        `standardize`, they are those of standardised rows.
    loss_ : float
        The last loss of an epoch, or of L-BFGS.
    best_loss_ : float or None
        The lowest one; None with early stopping, which L-BFGS ignores.
    loss_curve_ : list of float
        Loss of each epoch, or iteration of L-BFGS, of all calls that have gone on with the network.
    validation_loss_curve_, validation_scores_ : list of float or None
        The loss of the validation rows, without the regularisation's term, and their score, accuracy or R2. None
        without such rows.
    best_validation_score_ : float or None
        The highest one; None without early stopping.
    n_iter_ : int
        Number of epochs, or iterations, of the last call.
    t_ : int
        Number of rows in all epochs.
    n_features_in_, n_layers_, n_outputs_ : int
        Number of columns, of layers with the inputs and the outputs, and of outputs.
    feature_names_in_ : ndarray of str
        Names of the columns, where X is a frame whose names are all strings.
    out_activation_ : str
        The activation of the outputs."""
