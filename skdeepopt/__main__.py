"""``python -m skdeepopt``."""

from skdeepopt.cli._main import main

if __name__ == "__main__":
    raise SystemExit(main())
