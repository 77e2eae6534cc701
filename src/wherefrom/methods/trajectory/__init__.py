"""Methods that follow a training run through its checkpoints or its steps."""
