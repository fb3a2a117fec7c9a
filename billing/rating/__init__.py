"""The arithmetic of billing: prices, coupons, taxes and totals as pure functions. No database, no clock, no Django.

`prices`, `plans`, `lines` and `coupons` read definitions; `rating`, `commitments`, `discounting`, `taxing` and `totals`
compute; `derivation` replays what they computed and `explain` tells it. What the numbers mean: docs/rating.md.
"""
