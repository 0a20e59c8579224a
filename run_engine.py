"""Start the engine: ``python run_engine.py --help`` lists every setting."""

from engine.start import main

if __name__ == "__main__":
    raise SystemExit(main())
