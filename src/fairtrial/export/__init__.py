"""Exports of a results folder: to TensorBoard, MLflow and CSV."""
