"""`python -m processor` is `genesys-processor`."""

from processor.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
