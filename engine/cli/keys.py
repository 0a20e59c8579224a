"""``talking-tutor keys create|list|revoke``: the API keys in the file that ``api_keys_file`` names.

A running engine takes a change over within a second. Exit status: 0 for success; 1 if there is no such key; 2 for an
invalid argument or setting.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock

from engine.api_keys import SCOPES, new_key, read_keys, write_keys
from engine.errors import EngineError, SettingsError
from engine.settings import load_settings


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        file = args.file or load_settings([]).api_keys_file
        if file is None:
            raise SettingsError("no file of keys: set api_keys_file (ENGINE_API_KEYS_FILE), or use --file")
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            return int(args.run(args, file))
    except (EngineError, OSError) as error:
        print(error.message if isinstance(error, EngineError) else error, file=sys.stderr)
        return 2


def _create(args: argparse.Namespace, file: Path) -> int:
    keys = read_keys(file) if file.exists() else []
    expires = None if args.days is None else datetime.now(UTC).replace(microsecond=0) + timedelta(days=args.days)
    key, text = new_key(
        args.name, args.scopes, sessions=args.sessions, requests_per_minute=args.per_minute, expires=expires
    )
    write_keys(file, [*keys, key])
    print(text)
    print(f"This is the key {key.id} ({key.name}). It is shown only now: the file has its hash.", file=sys.stderr)
    return 0


def _list(args: argparse.Namespace, file: Path) -> int:
    now = datetime.now(UTC)
    for key in read_keys(file):
        limits = [f"{key.sessions} sessions"] if key.sessions else []
        limits += [f"{key.requests_per_minute} requests a minute"] if key.requests_per_minute else []
        until = "" if key.expires is None else f"{'expired' if key.expired(now) else 'until'} {key.expires:%Y-%m-%d}"
        shown = [key.id, key.name, ",".join(key.scopes), f"{key.created:%Y-%m-%d}", until, ", ".join(limits)]
        print("  ".join(part for part in shown if part))
    return 0


def _revoke(args: argparse.Namespace, file: Path) -> int:
    keys = read_keys(file)
    kept = [key for key in keys if args.key not in (key.id, key.name)]
    if len(kept) == len(keys):
        print(f"there is no key {args.key!r}", file=sys.stderr)
        return 1
    write_keys(file, kept)
    print(f"{len(keys) - len(kept)} revoked")
    return 0


def _scopes(text: str) -> list[str]:
    scopes = [part.strip() for part in text.split(",")]
    if unknown := set(scopes) - set(SCOPES):
        raise argparse.ArgumentTypeError(f"no such scope: {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}")
    return scopes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine keys", description="API keys of the management API.")
    parser.add_argument("--file", type=Path, help="The file of keys (default: the setting api_keys_file).")
    commands = parser.add_subparsers(required=True)
    create = commands.add_parser("create", help="Make a key and print it.")
    create.add_argument("name", help="Who it is for. A second key of one name is good for rotation.")
    create.add_argument(
        "--scopes", type=_scopes, default=list(SCOPES), help=f"Any of {','.join(SCOPES)} (default: all)."
    )
    create.add_argument("--sessions", type=int, help="Live sessions at once, of all keys of this name.")
    create.add_argument("--per-minute", type=int, help="Requests a minute, of all keys of this name.")
    create.add_argument("--days", type=int, help="Days until it expires.")
    create.set_defaults(run=_create)
    listing = commands.add_parser("list", help="List the keys.")
    listing.set_defaults(run=_list)
    revoke = commands.add_parser("revoke", help="Remove a key.")
    revoke.add_argument("key", help="Its id, or a name for all keys of it.")
    revoke.set_defaults(run=_revoke)
    return parser
