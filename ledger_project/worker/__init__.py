"""What a Celery worker has besides its tasks: lanes for kinds of work, a board its processes share, an HTTP port."""
