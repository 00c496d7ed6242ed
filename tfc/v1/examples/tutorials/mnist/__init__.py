"""Handwritten digits: `input_data` reads MNIST and its kin, `digits` the set embedded in scikit-learn."""
