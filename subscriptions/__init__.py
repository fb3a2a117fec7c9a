"""Subscriptions, proration, renewal runs, dunning and entitlements."""
