"""Ways out of a results folder: for TensorBoard, for MLflow, as CSV."""
