"""Builds the aiohttp app."""


def main() -> int:
    """Settings -> app -> serve."""
    raise NotImplementedError
