"""The lessons of TF 1.x: their data readers."""
