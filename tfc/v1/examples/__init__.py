"""What TF 1.x shipped beside the library for its lessons, under the same names."""
