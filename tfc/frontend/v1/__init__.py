"""The TF1 API over the graph IR; `tfc.v1` re-exports it under TF's names.

`tf.Graph` wraps an IR graph, `tf.Tensor` an IR value, `tf.Operation` an IR node; a `tf.Session` runs them by an engine
of `tfc.runtime`. Names, dtype rules, scopes and formulas are those of TensorFlow 1.15.
"""
