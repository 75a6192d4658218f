"""Train on the digits: scikit-learn's MLPClassifier. Arguments: the CSV file, the weights' file, epochs."""

import sys
import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier

# That it has not converged.
warnings.simplefilter("ignore")
table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.float32)
model = MLPClassifier(
    (64,),
    solver="sgd",
    alpha=0,
    batch_size=32,
    learning_rate_init=0.05,
    momentum=0.9,
    nesterovs_momentum=False,
    max_iter=int(sys.argv[3]),
    # Rows are held out, and evaluated after each epoch, only with this; it is not to stop early, though.
    early_stopping=True,
    validation_fraction=0.2,
    n_iter_no_change=10**9,
    random_state=0,
    verbose=True,
)
model.fit(table[:, :64] / 16, table[:, 64].astype(int))
parts = {"W1": model.coefs_[0], "b1": model.intercepts_[0], "W2": model.coefs_[1], "b2": model.intercepts_[1]}
np.savez(sys.argv[2], **parts)
