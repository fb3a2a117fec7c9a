"""The kernel: money, time, ids, errors, crypto, state machines, egress guard and the API frame.

No models, no billing words.
"""
