"""What becomes a graph: TF1-style graph code and traced Python functions."""
