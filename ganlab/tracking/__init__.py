"""What a run leaves behind: metrics, checkpoints, MLflow and TensorBoard."""
