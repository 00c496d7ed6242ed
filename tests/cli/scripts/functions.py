import numpy as np

import tfc
from tfc import numpy as tnp


@tfc.compile
def predict(x, w, b):
    return tnp.softmax(x @ w + b)


@tfc.compile(specs=[tfc.Spec((None, 784), "float32")])
def total(x):
    return tnp.sum(x, axis=1)


@tfc.compile
def never(x, y):
    return x + y


step = tfc.value_and_grad(lambda w, x: tnp.sum(tnp.tanh(x @ w)))

x = np.ones((5, 3), np.float32)
print(predict(x, np.ones((3, 2), np.float32), np.zeros(2, np.float32)))
print(step(np.ones((3, 2), np.float32), x))
