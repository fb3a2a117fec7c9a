import logging


class LineFormatter(logging.Formatter):
    def __init__(self, json: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
