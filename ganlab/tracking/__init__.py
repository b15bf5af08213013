"""What a run leaves: run.json, metrics, checkpoints, provenance; and what of it is brought to MLflow."""
