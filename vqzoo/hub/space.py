"""Deployment of a folder as a Space of the Hub."""

from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from vqzoo.files.remote import hub_errors


def deploy(folder: Path, repo_id: str, token: str | None = None) -> str:
    """Replace the files of the Space `repo_id` by those of `folder` in one commit, and return the commit's URL.

    A missing Space is created. Raises ValueError, with nothing changed, if the Hub refuses or somebody else commits at
    the same time.
    """
    api = HfApi(token=token)
    with hub_errors(repo_id):
        api.create_repo(repo_id, repo_type="space", space_sdk="gradio", exist_ok=True)
        head = api.space_info(repo_id)
        files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
        there = {file.rfilename for file in head.siblings or []} - {".gitattributes"}
        commit = api.create_commit(
            repo_id,
            [
                *(CommitOperationAdd(name, path) for name, path in files.items()),
                *(CommitOperationDelete(name) for name in sorted(there - set(files))),
            ],
            commit_message="Deploy",
            repo_type="space",
            parent_commit=head.sha,
        )
    return commit.commit_url
