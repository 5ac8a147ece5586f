"""Find mistakes in a command line before torch is imported, which takes seconds."""

import errno
import glob
import os
from pathlib import Path

from trainers.data.folder import check_images
from trainers.data.source import check_data
from vqzoo.cli.arguments import (
    Command,
    Compress,
    Convert,
    Decompress,
    Doctor,
    Evaluate,
    LoadCheck,
    Publish,
    Reconstruct,
    Tokenize,
    Train,
)
from vqzoo.cli.models import folder_of
from vqzoo.hub.registry import find


def check_early(command: Command) -> None:
    """Raise ValueError or OSError for a model or a file that does not exist.

    The command itself may still refuse what passes here.
    """
    if isinstance(command, (LoadCheck, Evaluate)):
        find(command.source)
    elif isinstance(command, Train):
        from trainers.recipes import RECIPES

        check_data(command.data)
        if os.path.isdir(command.data):
            check_images(Path(command.data))
        for source in filter(None, (command.like, command.start_from)):
            if source not in RECIPES:
                find(source)
    elif isinstance(command, Tokenize):
        check_data(command.data)
        if os.path.isdir(command.data):
            check_images(Path(command.data))
        find(command.model)
    elif isinstance(command, Doctor):
        if not os.path.isfile(os.path.join(command.source, "best.pt")):
            find(command.source)
    elif isinstance(command, Compress):
        _check_file(command.photo)
        find(command.model)
    elif isinstance(command, Decompress):
        _check_file(command.file)
        if command.model is not None:
            find(command.model)
    elif isinstance(command, Publish):
        folder_of(command.folder)
    elif isinstance(command, Convert):
        if not command.source.exists():
            raise ValueError(f"{command.source}: no such file or folder; expected a checkpoint, downloaded beforehand")
    elif isinstance(command, Reconstruct):
        paths = [str(path) for path in command.images]
        if paths and not any(os.path.lexists(path) or glob.has_magic(path) for path in paths):
            raise ValueError(f"{paths[0]}: {os.strerror(errno.ENOENT)}.")
        for name in filter(None, map(str.strip, command.models.split(","))):
            find(name)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"{path}: {'a folder; expected a file' if path.is_dir() else 'no such file'}")
