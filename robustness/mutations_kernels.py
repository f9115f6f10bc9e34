"""Mistakes in the kernels: by file, what each breaks, the text it is made in, and what it makes of that."""

MUTATIONS = {
    "src_pyx/_arrays.pxd": {
        "lengths that changed not looked at": (
            "    if found != wanted:\n        raise",
            "    if False:\n        raise",
        ),
        "signed bytes gathered as if they were known": ('not in (b"B", b"f", b"d")', 'not in (b"B", b"b", b"f", b"d")'),
        "rows that are not aligned gathered": ("return places % view.itemsize == 0", "return True"),
        "strides that are not aligned gathered": ("        places |= view.strides[i]", "        pass"),
        "buffers of a wrong type accepted": ("if strchr(types, found) == NULL:", "if False:"),
    },
    "src_pyx/_barrier.h": {
        "nobody waits at a barrier": ("__ATOMIC_ACQUIRE) != phase)", "__ATOMIC_ACQUIRE) == phase)"),
        "who sleeps at a barrier not woken": ("pthread_cond_broadcast(&barrier->met);", ";"),
    },
    "src_pyx/_blas.pxd": {
        "transposes of a float32 product swapped": ("sgemm(trans_b, trans_a", "sgemm(trans_a, trans_b"),
        "transposes of a float64 product swapped": ("dgemm(trans_b, trans_a", "dgemm(trans_a, trans_b"),
        "a product of BLAS adds to what was there": ("one = 1, zero = 0", "one = 1, zero = 1"),
        "a product's rows and columns swapped": (
            "dgemm(trans_b, trans_a, &n_, &m_",
            "dgemm(trans_b, trans_a, &m_, &n_",
        ),
        "distance between rows of another matrix": ("<double*> a, &lda_", "<double*> a, &ldb_"),
        "BLAS's limit not looked at again before a product": ("    keep_one_thread()\n    # c =", "    # c ="),
    },
    "src_pyx/_blas_limit.h": {
        "BLAS not held to one thread": ("        fastmlp_blas_set(1);\n", ""),
        "BLAS's limit not restored": (
            "if (--fastmlp_blas_holders == 0)\n        fastmlp_blas_restore();",
            "--fastmlp_blas_holders;",
        ),
        "BLAS's limit of an earlier kernel restored": (
            "        __atomic_store_n(&fastmlp_blas_wanted, 1, __ATOMIC_RELAXED);",
            "        ;",
        ),
        "a limit that was set meanwhile overwritten": ("wanted != 1 && fastmlp_blas_get() == 1)", "wanted != 1)"),
        "a forked child keeps its parent's hold on BLAS": (
            "        fastmlp_blas_holders = 0;\n        fastmlp_blas_restore();",
            "        ;",
        ),
    },
    "src_pyx/_elementwise.pxd": {
        "a bias takes the place of the product": ("        y[j] += x[j]", "        y[j] = x[j]"),
        "no ReLU": ("y[j] = 0 if value < 0 else value", "y[j] = value"),
        "a ReLU that makes 0 of NaN": ("0 if value < 0 else value", "value if value > 0 else 0"),
        "a ReLU's gradient at 0 is 1": ("dy[j] if y[j] > 0 else 0", "dy[j] if y[j] >= 0 else 0"),
        "regularisation takes the gradient's place": (
            "            lanes[k] += w[j] * w[j]\n            dw[j] += scale",
            "            lanes[k] += w[j] * w[j]\n            dw[j] = scale",
        ),
        "a weight of each run not regularised": ("range(n - n % LANES, n)", "range(n - n % LANES + 1, n)"),
        "half of the squared weights lost": ("return lanes[0] + lanes[1]", "return lanes[0]"),
        "an infinite parameter passes for finite": ("lanes[0] += x[j] * zero", "lanes[0] += zero"),
    },
    "src_pyx/_exp.h": {
        "a term of float32's exponential lost": ("y = y * r + 1.0f / 720;", "y = y * r;"),
        "a term of float64's exponential lost": ("y = y * r + 1.0 / 479001600;", "y = y * r;"),
        "float32's exponential reduced by a coarse ln 2": (" - n * -2.12194440e-4f", ""),
        "float64's exponential reduced by a coarse ln 2": (" - n * 1.42860682030941723212e-6", ""),
        "float64's exponential never 0": (
            "<< 52);\n    memcpy(&power, &bits, sizeof power);\n    y *= power;\n    return x < smallest ? 0 : y;",
            "<< 52);\n    memcpy(&power, &bits, sizeof power);\n    y *= power;\n    return y;",
        ),
    },
    "src_pyx/_float_mode.h": {
        "denormal results not flushed": ("before | 0x8040", "before | 0x0040"),
        "denormal inputs not taken for 0": ("before | 0x8040", "before | 0x8000"),
        "the caller's floating-point mode not put back": ("{ _mm_setcsr(before); }", "{ (void)before; }"),
    },
    "src_pyx/_jobs.pxd": {
        "more members counted on than OpenMP granted": ("min(team.n_members, n_members)", "team.n_members"),
        "members that are not needed take part": ("if number < me.n_members:", "if True:"),
        "the last block of parameters not updated": (
            "share_stop(me, blocks.n)):\n        at = start",
            "share_stop(me, blocks.n - 1)):\n        at = start",
        ),
        "every block of parameters takes the first moments": ("dw + at, at, length", "dw + at, 0, length"),
    },
    "src_pyx/_kernels.pyx": {
        "nobody inside a forked child": (
            "if self.forks != n_forks and self.owner != forker:",
            "if self.forks != n_forks:",
        ),
        "a forked child kept out for ever": ("            self.depth = 0\n", "            pass\n"),
        "attributes not put back": ("        setattr(owner, name, value)", "        pass"),
        "rows apart from each other taken in place": (
            "\n                and (row_stride == stride * source.view.shape[1] or self.job.n_rows == 1)):",
            "):",
        ),
        "features apart from each other taken in place": (
            "source.rows.kind == own and stride == source.view.itemsize",
            "source.rows.kind == own",
        ),
        "rows of another type taken in place": ("source.rows.kind == own and ", ""),
        "rows taken in place are not standardised": ("self.statistics[0] == NULL and source", "source"),
        "rows not standardised in training": ("= standardized(self.source, passes.statistics)", "= self.source.rows"),
        "read-only rows refused": ("(X, &self.view, PyBUF_RECORDS_RO)", "(X, &self.view, PyBUF_RECORDS_RO | 1)"),
        "floating-point mode not put back after standardising": ("    restore(before)\n", ""),
        "the loss that is returned lacks the regularisation": ("len(wanted), regularization", "len(wanted), 0"),
        "a label of one class too many accepted": ("values[i] >= n_classes", "values[i] > n_classes"),
        "negative labels and rows accepted": ("values[i] < 0 or values[i] >= n", "values[i] >= n"),
        "labels of another network trained on": (
            "if first_outside(labels.base, passes.job.net.layers[passes.job.net.n_layers - 1].n_out) >= 0:",
            "if False:",
        ),
        "a second thread let in": ("if self.depth > 0 and self.owner != me:", "if False:"),
        "a network free before its fit is over": ("self.depth -= 1", "self.depth = 0"),
        "an update of another call changes the training's": (
            "&self.optimizer\n        job.deadline",
            "&self.update.optimizer\n        job.deadline",
        ),
        "both moments in one buffer": ("address(moments[1])", "address(moments[0])"),
        "BLAS's memory not tried": ("if not blas.provide(n_users):", "if False:"),
        "threads not tried": ("openmp.try_team(n_threads)", "0"),
        "the time that training may take ignored": ("monotonic() + seconds", "monotonic() + 1e9"),
        "regularisation lost in training": (".epoch.regularization = regularization", ".epoch.regularization = 0"),
    },
    "src_pyx/_layers.pxd": {
        "rows that are not finite not noticed": ("if not isfinite(y[row * layer.n_out]):", "if False:"),
        "rows that are not finite noticed in the first block alone": (
            "range(r.row, r.row + r.n_rows):\n            if not",
            "range(r.n_rows):\n            if not",
        ),
        "weights taken transposed on the way forward": ("product(False, False, n_rows", "product(False, True, n_rows"),
        "weights not transposed on the way back": ("product(False, True, n_rows", "product(False, False, n_rows"),
        "inputs not transposed in the weights' gradient": ("product(True, False,", "product(False, False,"),
        "the input's gradient taken after the update": (
            "    backward_bias(layer, params, gradients, dy, n_rows, optimizer, me)\n",
            """\
    backward_bias(layer, params, gradients, dy, n_rows, optimizer, me)
    if dx != NULL:
        backward_inputs(layer, params + layer.w, x, dy, dx, n_rows, partials, me)
""",
        ),
        "weights updated while others still read them": (
            "partials, me)\n        if optimizer != NULL:",
            "partials, me)\n        if False:",
        ),
        "no barrier after a layer forward": (
            "&r, with_relu)\n    barrier(me",
            "&r, with_relu)\n    if False: barrier(me",
        ),
        "no barrier after a layer backward": (
            "dy, n_rows, optimizer, me)\n    barrier(me",
            "dy, n_rows, optimizer, me)\n    if False: barrier(me",
        ),
        "no bias in rows taken forward by tiles": ("add_bias(layer, params, y, &whole, with_relu)", "pass"),
        "every block of columns takes the first biases": ("params + layer.b + r.column", "params + layer.b"),
        "biases regularised": (
            "gradients + at, n, n_rows)",
            "gradients + at, n, n_rows)\n        regularize(gradients + at, params + at, 0.01, n)",
        ),
        "weights not regularised": ("if regularization != 0:", "if False:"),
        "the ReLU's mask dropped": ("            relu_grad(dx + at, x + at, r.n_columns)", "            pass"),
        "the last run of weights left alone": ("range((extent + RUN - 1) // RUN)", "range(extent // RUN)"),
        "a run goes past the end of its block": ("n = min(<Py_ssize_t> RUN, extent - j)", "n = RUN"),
        "gradient blocks of several members overlap": ("            ld_dw = r.n_columns\n", ""),
        "a row missing from the biases' gradient": ("gradients + at, n, n_rows)", "gradients + at, n, n_rows - 1)"),
        "biases not updated in training": ("update(optimizer, params + at, gradients + at, at, n)", "pass"),
    },
    "src_pyx/_losses.pxd": {
        "softmax without the maximum": ("terms[j] = row[j] - most", "terms[j] = row[j]"),
        "the maximum of all scores but the last": (
            "range(1, n):\n            most = row[j]",
            "range(1, n - 1):\n            most = row[j]",
        ),
        "the largest term missing from softmax's sum": ("terms[j] / (1 + total)", "terms[j] / total"),
        "equal largest scores counted once": ("total += rest + (n_largest - 1)", "total += rest"),
        "what rounding took from a sum of exponentials lost": (
            "total += rest + (n_largest - 1)",
            "total += n_largest - 1",
        ),
        "what rounding took from a score lost": ("*= 1 + lost[j] if", "*= 1 if"),
        "the loss's sign of the label's score": ("return log1p(others) +", "return log1p(others) -"),
        "a loss close to 0 loses its digits": ("return log1p(others) +", "return log1p((1 + others) - 1) +"),
        "the logarithm of a probability that has become 0": (
            "return log1p(others) + (largest - scores[label])",
            "return -log1p(exp_double(scores[label] - largest) / (1 + others) - 1)",
        ),
        "the gradient not divided by the rows": ("<floating> (1.0 / n_rows)", "<floating> 1.0"),
        "the gradient divided by the rows less one": ("<floating> (1.0 / n_rows)", "<floating> (1.0 / (n_rows - 1))"),
        "the label not subtracted from the gradient": ("(probabilities[label] - 1) * scale", "probabilities[label]"),
        "the logistic function mirrored": ("one if scores[j] >= 0 else term", "term if scores[j] >= 0 else one"),
        "the logistic function overflows": ("exp_double(-fabs(scores[j]))", "exp_double(-scores[j])"),
        "squared errors halved the wrong way round": ("2 * n if loss == HALF", "2 * n if loss != HALF"),
        "the logistic function's derivative lost": (" * (outputs[j] * (1 - outputs[j]))", ""),
        "squared errors not divided by the outputs": ("<double> n_rows * n)", "<double> n_rows)"),
        "a label as probable as an earlier class counts as right": (
            "larger |= x[j] >= x[at]",
            "larger |= x[j] > x[at]",
        ),
        "the last of the largest is predicted": ("if not x[j] <= x[at]:", "if not x[j] < x[at]:"),
        "the last NaN is predicted": ("        if x[at] != x[at]:\n            break\n", ""),
    },
    "src_pyx/_matmul.pxd": {
        "small products lose the last terms": ("while i < k:", "while i < k - 1:"),
        "small products take a term twice": (
            "a[(i + 2) * step], a[(i + 3) * step]",
            "a[(i + 2) * step], a[(i + 2) * step]",
        ),
        "small products add to what was there": ("c[j] = a[0] * b[j]", "c[j] += a[0] * b[j]"),
        "small products ignore a transpose": ("a + (i if ta else i * lda), lda if ta else 1", "a + i * lda, 1"),
        "small products with a transposed factor lose a term": ("for i in range(1, k):", "for i in range(2, k):"),
    },
    "src_pyx/_network.pxd": {
        "the last tile dropped": ("return (n_rows + TILE_ROWS - 1) // TILE_ROWS", "return n_rows // TILE_ROWS"),
        "the last tile of a batch too long": (
            "                         min(<Py_ssize_t> TILE_ROWS, n_rows - first), n_bad)",
            "                         TILE_ROWS, n_bad)",
        ),
        "the last tile of a prediction too long": ("n = min(<Py_ssize_t> TILE_ROWS, n_rows - first)", "n = TILE_ROWS"),
        "a ReLU after the last layer": ("layer.y, n_rows, k < net.n_layers - 1,", "layer.y, n_rows, k < net.n_layers,"),
        "members predict in the same tile": ("at = me.number * TILE_ROWS", "at = 0"),
        "every tile of a prediction reads the first rows": ("(first if rows == NULL else at)", "at"),
        "labels not in the order of the rows": ("wanted.labels[wanted.order[row]]", "wanted.labels[row]"),
        "a layer's own output for its input": ("arena + net.layers[k - 1].y", "arena + net.layers[k].y"),
        "the gradient not handed down": ("        dy, dx = dx, dy\n", ""),
        "a batch that diverges is applied": (
            "if optimizer != NULL and not isfinite(sum_of_blocks(losses, blocks.n)):",
            "if False:",
        ),
        "no barrier after the loss": (
            "n_correct + i)\n    barrier(me",
            "n_correct + i)\n    if False: barrier(me",
        ),
        "no barrier after rows are gathered": (
            "n_in, x + first * n_in)\n        barrier(me",
            "n_in, x + first * n_in)\n        if False: barrier(me",
        ),
        "the penalty not halved": ("0.5 * regularization * squares", "regularization * squares"),
        "the loss not divided by the rows": (
            "sum_of_blocks(net.sums, blocks.n) / n_rows",
            "sum_of_blocks(net.sums, blocks.n)",
        ),
        "the penalty of the first layer alone": ("range(net.n_layers):\n            p =", "range(1):\n            p ="),
        "right answers of earlier batches counted again": ("losses[i] = n_correct[i] = 0", "losses[i] = 0"),
        "every tile of a prediction takes the first labels": ("answers.labels[first + i])", "answers.labels[i])"),
    },
    "src_pyx/_openmp.pxd": {
        "blocks left over when shared": (
            "n_blocks * (me.number + 1) // me.n_members",
            "n_blocks // me.n_members * (me.number + 1)",
        ),
    },
    "src_pyx/_optimizers.pxd": {
        "beta1 and beta2 swapped": ("= rate, beta1, beta2, epsilon", "= rate, beta2, beta1, epsilon"),
        "Adam's first moment not corrected": ("optimizer.rate / optimizer.correction1", "optimizer.rate"),
        "Adam's second moment not corrected": ("(1 / sqrt(optimizer.correction2))", "1"),
        "epsilon inside Adam's root": ("(sqrt(v[j]) * scale + epsilon)", "sqrt(v[j] * scale * scale + epsilon)"),
        "epsilon inside Adam's root in float32": (
            "(sqrtf(v[j]) * scale + epsilon)",
            "sqrtf(v[j] * scale * scale + epsilon)",
        ),
        "Adam's moments change places": ("adam(w, dw, m + at, v + at", "adam(w, dw, v + at, m + at"),
        "Adam's gradients not weighted by 1 - beta1": ("<floating> (1 - optimizer.beta1)", "<floating> 1"),
        "Adam's second moment of the gradient itself": ("one_minus_beta2 * dw[j] * dw[j]", "one_minus_beta2 * dw[j]"),
        "Adam's time step one too small": (
            "pow(optimizer.beta1, <double> t)",
            "pow(optimizer.beta1, <double> (t - 1))",
        ),
        "Momentum uphill": ("velocity[j] - rate_ * dw[j]", "velocity[j] + rate_ * dw[j]"),
        "Nesterov's momentum": ("w[j] += velocity[j]", "w[j] += beta1_ * velocity[j] - rate_ * dw[j]"),
        "every block takes the first velocities": ("m + at, optimizer.rate", "m, optimizer.rate"),
        "SGD uphill": ("w[j] -= rate_ * dw[j]", "w[j] += rate_ * dw[j]"),
    },
    "src_pyx/_products.pxd": {
        "the last block dropped": ("(extent + blocks.size - 1) // blocks.size", "extent // blocks.size"),
        "the last block too long": ("min(blocks.size, blocks.extent - i * blocks.size)", "blocks.size"),
        "the last partial sum dropped": ("range(1, p.blocks.n):", "range(1, p.blocks.n - 1):"),
        "partial sums add to what was there": ("copy(out, partials + at, extent)", "add(out, partials + at, extent)"),
        "no barrier after partial sums": (
            "p.n)\n        barrier(me",
            "p.n)\n        if False: barrier(me",
        ),
        "scratch for one block of terms": ("return min(most, n_blocks * min(most, ", "return min(most, min(most, "),
        "distance between rows of a transposed factor": ("lda = p.m if p.ta else p.k", "lda = p.k"),
        "blocks of columns of a transposed factor": ("(at * ldb if p.tb else at), ldb, out", "at, ldb, out"),
        "blocks of terms of a transposed factor": ("a + (at * lda if p.ta else at)", "a + at"),
    },
    "src_pyx/_rows.pxd": {
        "the order of rows ignored": ("first + i if rows.order == NULL else rows.order[first + i]", "first + i"),
        "every share of a batch gathers the first rows": ("rows.order[first + i]", "rows.order[i]"),
        "the distance between features ignored": ("rows.stride // <Py_ssize_t> sizeof(Stored)", "1"),
        "the mean cut off": (" - mean_rest[j])", ")"),
        "multiplied by the scale": ("* inverse_scale[j]", "/ inverse_scale[j]"),
        "a large mean costs digits": (
            "<floating> (source[j * step] - mean[j])",
            "<floating> source[j * step] - mean[j]",
        ),
    },
    "src_pyx/_training.pxd": {
        "the last batch read too long": ("n = min(epoch.batch_size, epoch.n_rows - at)", "n = epoch.batch_size"),
        "every batch takes the first rows": ("epoch.rows.order + at", "epoch.rows.order"),
        "the time step stands still in an epoch": ("epoch.time_step + batch * epoch.time_grows", "epoch.time_step"),
        "the time step one too large in an epoch": ("+ batch * epoch.time_grows", "+ (batch + 1) * epoch.time_grows"),
        "every member counts the batch": ("if me.number == 0:", "if True:"),
        "no barrier after a batch": ("deadline)\n        barrier(me", "deadline)\n        if False: barrier(me"),
        "an epoch's loss counts batches alike": ("epoch.loss += loss * n_rows", "epoch.loss += loss"),
        "a loss that is not finite not noticed": ("epoch.diverged = not isfinite(loss)", "epoch.diverged = False"),
        "updates counted that were not applied": ("epoch.n_updates += applied", "epoch.n_updates += 1"),
        "right answers of the last batch alone": ("epoch.n_correct += n_correct", "epoch.n_correct = n_correct"),
        "training goes on when its time is over": ("        epoch.paused |= monotonic() >= deadline\n", ""),
    },
}

# What no test can notice, and why.
SURVIVORS: dict[str, str] = {
    "rows that are not aligned gathered": "NumPy marks the format of such an array, which is refused for that",
    "strides that are not aligned gathered": "NumPy marks the format of such an array, which is refused for that",
}
