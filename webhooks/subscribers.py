"""What the webhooks app does when something happened elsewhere."""

from events.registry import subscribe_sets
from webhooks.services.fan_out import fan_out

FAN_OUT = "webhooks.fan_out"

subscribe_sets(FAN_OUT, ["*"], fan_out)
