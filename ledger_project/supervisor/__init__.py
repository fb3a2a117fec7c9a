"""Runs Ledger on a machine that has nothing but Python: PostgreSQL and Redis from wheels, web, worker and beat.

Read in this order: `home` (what lies where), `tether` (nobody outlives us), `process` (one child), `loop` (all),
`services` (PostgreSQL and Redis), `up` (the story of `bin/up`). One thread: the kernel ties a child to the thread that
forked it, and code between fork and exec is only safe when no other thread holds a lock.
"""
