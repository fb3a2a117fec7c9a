"""Views of the webhooks app, one file per subject."""
