"""``python -m engine knowledge add|list|remove|ask``: manage knowledge bases and search them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from engine.errors import EngineError
from engine.knowledge.parse import READERS
from engine.knowledge.service import open_store
from engine.knowledge.store import KnowledgeStore
from engine.settings import load_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status.

    0: success. 1: a document was refused, or nothing was found. 2: invalid arguments. 130: stopped with Ctrl-C.
    """
    args = _parser().parse_args(argv)
    try:
        settings = load_settings([f"--knowledge-dir={args.dir}"] if args.dir else [])
        with open_store(settings) as store:
            return int(args.run(store, args))
    except EngineError as error:
        print(error.message, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the documents reported so far have been added", file=sys.stderr)
        return 130


def _add(store: KnowledgeStore, args: argparse.Namespace) -> int:
    refused = 0
    files = list(_named_files(args.files))
    with tqdm(total=len(files), unit="document", disable=None) as bar:
        for name, file in files:
            bar.set_description(name[-40:])

            def show(stage: str, done: int, total: int) -> None:
                bar.set_postfix_str(f"{stage} {done}/{total}" if total > 1 else stage)

            try:
                if file.stat().st_size > store.limits.document_bytes:
                    raise OSError(f"{file.stat().st_size} bytes exceed the limit of {store.limits.document_bytes}")
                info = store.put(args.kb_id, name, file.read_bytes(), show)
                bar.write(f"{name}: {info.passages} passages")
            except (EngineError, OSError) as error:
                refused += 1
                text = error.message if isinstance(error, EngineError) else f"{name}: {error}"
                bar.write(f"REFUSED {text}", file=sys.stderr)
            bar.update()
    if not files:
        print("no documents found", file=sys.stderr)
        return 1
    print(f"{len(files) - refused} of {len(files)} documents are in {args.kb_id}")
    return 1 if refused else 0


def _list(store: KnowledgeStore, args: argparse.Namespace) -> int:
    for kb_id in [args.kb_id] if args.kb_id else store.bases():
        documents = store.documents(kb_id)
        note = " (built in)" if store.built_in(kb_id) else ""
        print(f"{kb_id}: {len(documents)} documents, {sum(d.passages for d in documents)} passages{note}")
        if args.kb_id:
            for each in documents:
                print(f"  {each.name}  {each.passages} passages, {each.bytes} bytes, {each.added_at}")
    return 0


def _remove(store: KnowledgeStore, args: argparse.Namespace) -> int:
    for name in args.documents:
        store.delete_document(args.kb_id, name)
    if not args.documents:
        store.delete(args.kb_id)
    return 0


def _ask(store: KnowledgeStore, args: argparse.Namespace) -> int:
    passages = store.search(args.kb_id, " ".join(args.question), args.count)
    for each in passages:
        page = f", page {each.page}" if each.page else ""
        print(f"{each.score:.2f}  {each.document}{page}\n      {each.text}\n")
    if not passages:
        print("nothing found", file=sys.stderr)
    return 0 if passages else 1


def _named_files(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Pairs of document name and file: the files themselves, and all readable documents below the folders, sorted."""
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and file.suffix.lower() in READERS:
                    yield "__".join(file.relative_to(path).parts), file
        else:
            yield path.name, path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine knowledge", description="Manage knowledge bases and search them."
    )
    parser.add_argument("--dir", type=Path, help="folder of the knowledge bases (default: ENGINE_KNOWLEDGE_DIR)")
    commands = parser.add_subparsers(required=True)
    add = commands.add_parser("add", help="add or replace documents (PDF, DOCX, Markdown, HTML, plain text)")
    add.add_argument("kb_id", help="the knowledge base's id; it is created if needed")
    add.add_argument("files", nargs="+", type=Path, metavar="FILE|FOLDER")
    add.set_defaults(run=_add)
    listing = commands.add_parser("list", help="show all knowledge bases, or the documents of one")
    listing.add_argument("kb_id", nargs="?")
    listing.set_defaults(run=_list)
    remove = commands.add_parser("remove", help="remove documents, or a whole knowledge base")
    remove.add_argument("kb_id")
    remove.add_argument("documents", nargs="*", help="document names (default: the whole knowledge base)")
    remove.set_defaults(run=_remove)
    ask = commands.add_parser("ask", help="show the passages that a tutor would be given for a question")
    ask.add_argument("kb_id")
    ask.add_argument("question", nargs="+")
    ask.add_argument("--count", type=int, default=3, help="maximum number of passages (default: 3)")
    ask.set_defaults(run=_ask)
    return parser
