"""Ask an address of this machine whether it is well: `python -m bisync.probe URL` exits 0 where it is.

For health checks of images without curl. It loads nothing of Bisync, so that it answers at once.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

# Longer than /health/ready takes at worst, or nobody would learn what is wrong.
PATIENCE = 8


def main(url: str) -> int:
    """0 where the address answers with success, else 1, with the reason printed."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 (an operator's own address)
            return 0 if answer.status < 300 else 1
    except urllib.error.HTTPError as exc:
        print(exc.read().decode(errors="replace")[:2000], file=sys.stderr)  # noqa: T201
    except OSError as exc:
        print(exc, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
