"""What changes the state of callbacks, one file per subject."""
