"""The guided story of `bin/up --demo`: what Ledger does, through its real HTTP API, with what to look at.

`story` is how it is told, `steps` what happens in it, `sink` the subscriber that receives its callbacks.
"""
