"""Domain events: the transactional outbox, its dispatch to subscribers, and the mail queue."""
