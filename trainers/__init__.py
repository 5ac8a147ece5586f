"""Training, evaluation and the queue of what is still to be trained."""
