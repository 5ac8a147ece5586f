"""A Hub on the loopback: the part of huggingface.co's HTTP interface that vqzoo uses, kept in memory.

The real huggingface_hub client talks to it over HTTP. Weights travel as LFS objects as they do there, small files in
the commit itself. What is not here answers 404, and the request is in `Hub.requests`.
"""

import asyncio
import base64
import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlencode

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

OWNER = "hf_token_of_owner"
STRANGER = "hf_token_of_stranger"
_WHEN = "2026-01-02T03:04:05.000Z"
_LFS = ("*.safetensors", "*.bin", "*.npz", "*.pt")
_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class Commit:
    sha: str
    parent: str | None
    message: str
    files: dict[str, bytes]


@dataclass
class Repo:
    """One model repository: its commits, oldest first, and what its names stand for."""

    id: str
    private: bool = False
    gated: bool = False
    commits: list[Commit] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    @property
    def files(self) -> dict[str, bytes]:
        """Those of the head, without the .gitattributes that every repository starts with."""
        return {path: data for path, data in self.head.files.items() if path != ".gitattributes"}

    def commit(self, files: dict[str, bytes], message: str) -> Commit:
        parent = self.head.sha if self.commits else None
        content = sorted((path, git_oid(data)) for path, data in files.items())
        sha = hashlib.sha1(repr((self.id, parent, message, content)).encode()).hexdigest()
        self.commits.append(Commit(sha, parent, message, files))
        return self.head

    def at(self, revision: str) -> Commit | None:
        sha = self.head.sha if revision in ("main", "refs/heads/main") else self.tags.get(revision, revision)
        return next((commit for commit in self.commits if commit.sha == sha), None)


class Hub:
    """The server and its store. `start` it, point a client at `endpoint`, `stop` it.

    repos: every repository by id, a Space's as "spaces/owner/name". collections: by slug.
    users: token -> (name, organisations).
    requests: (method, path) of everything asked since the last `reset`, in order, faults included.
    application: what answers, behind the faults; a test may wrap it.
    page_size: how many rows a page of any listing has.
    card_fault: what is wrong with every card that is sent, for whoever checks it; None for what YAML says.
    before_commit: called with the repository's id after the client has seen its state and before a commit is taken.
    """

    def __init__(self) -> None:
        self.port = 0
        self._thread: threading.Thread | None = None
        self.reset()

    def reset(self) -> None:
        """An empty Hub without faults, at the same address."""
        self.repos: dict[str, Repo] = {}
        self.collections: dict[str, dict[str, Any]] = {}
        self.users = {OWNER: ("owner", ["zoo"]), STRANGER: ("stranger", [])}
        self.requests: list[tuple[str, str]] = []
        self.application: Any = Starlette(routes=self._routes())
        self.page_size = 1000
        self.delay = 0.0
        self.before_commit: Any = None
        self.card_fault: str | None = None
        self._objects: dict[str, bytes] = {}
        self._failures: list[tuple[int, str]]
        self._cuts: list[str]
        self.mend()

    # What tests put in and switch.

    def put(self, repo_id: str, files: dict[str, bytes], *, private: bool = False, gated: bool = False) -> str:
        """Commit files over those that are there, as their owner would; returns the commit's sha."""
        repo = self.repos.get(repo_id) or self._create(repo_id, private)
        repo.gated = gated
        return repo.commit({**repo.head.files, **files}, f"put {', '.join(files)}").sha

    def fail(self, times: int, status: int = 503, path: str = "*") -> None:
        """Answer the next requests whose path matches (fnmatch) with an error, before anything is done."""
        self._failures += [(status, path)] * times

    def cut(self, times: int, path: str = "*/resolve/*") -> None:
        """Of the next GETs whose path matches send half of the body, then close the connection."""
        self._cuts += [path] * times

    def mend(self) -> None:
        """No more of the faults that `fail` and `cut` asked for."""
        self._failures, self._cuts = [], []

    @property
    def faulty(self) -> bool:
        """Whether a fault that was asked for is still to come."""
        return bool(self._failures or self._cuts)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Connections are refused while it lasts."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def asked(self, method: str, path: str = "*") -> list[str]:
        """Paths of the requests of one method that match, in order."""
        return [asked for way, asked in self.requests if way == method and fnmatch(asked, path)]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        listener.listen(32)
        # A cut connection is an application's error to uvicorn, one that is asked for here.
        config = uvicorn.Config(self._application(), log_level="critical", access_log=False, lifespan="off")
        self._server, self._listener = uvicorn.Server(config), listener.dup()  # the server closes its own
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    def stop(self) -> None:
        if self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join()
            # Not only closed: a process that was forked meanwhile has it, too, and would take connections for ever.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._thread = None

    # Faults stand before the application.

    def _application(self) -> Any:
        async def with_faults(scope: Any, receive: Any, send: Any) -> None:
            method, path = scope["method"], scope["path"]
            if path == "/api/agent-harnesses":  # asked by the client once a day, of no account here
                return await Response(status_code=404)(scope, receive, send)
            self.requests.append((method, path))
            if self.delay:
                await asyncio.sleep(self.delay)
            failure = next((f for f in self._failures if fnmatch(path, f[1])), None)
            if failure is not None:
                self._failures.remove(failure)
                return await Response("out of order", failure[0])(scope, receive, send)
            cut = next((c for c in self._cuts if fnmatch(path, c)), None) if method == "GET" else None
            if cut is None:
                return await self.application(scope, receive, send)
            self._cuts.remove(cut)

            async def half(message: Any) -> None:
                if message["type"] == "http.response.body":
                    body = message.get("body", b"")
                    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                else:
                    await send(message)

            await self.application(scope, receive, half)  # returns with the body incomplete: the connection is closed

        return with_faults

    def _routes(self) -> list[Route]:
        table = {
            "/api/whoami-v2": self._whoami,
            "/api/repos/create": self._create_repo,
            "/api/repos/delete": self._delete_repo,
            "/api/validate-yaml": self._validate,
            "/api/models": self._list,
            "/api/collections": self._create_collection,
            "/api/collections/{slug:path}/items": self._add_to_collection,
            "/api/collections/{slug:path}": self._collection,
            "/{owner}/{name}.git/info/lfs/objects/batch": self._batch,
            "/objects/{oid}": self._store,
            "/{owner}/{name}/resolve/{revision}/{path:path}": self._resolve,
        }
        for repo in ("/api/models/{owner}/{name}", "/api/spaces/{owner}/{name}"):
            table |= {
                repo: self._info,
                repo + "/revision/{revision:path}": self._info,
                repo + "/refs": self._refs,
                repo + "/tree/{revision}": self._tree,
                repo + "/paths-info/{revision}": self._paths_info,
                repo + "/commits/{revision}": self._commits,
                repo + "/tag/{revision}": self._tag,
                repo + "/preupload/{revision}": self._preupload,
                repo + "/commit/{revision}": self._commit,
            }
        table["/spaces/{owner}/{name}.git/info/lfs/objects/batch"] = self._batch
        return [Route(path, handler, methods=_METHODS) for path, handler in table.items()]

    # Who asks, and for what.

    def _user(self, request: Request) -> tuple[str, list[str]] | None:
        return self.users.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    def _may_write(self, request: Request, owner: str) -> Response | None:
        """None, or the answer to somebody who may not."""
        user = self._user(request)
        if user is None:
            return _error(401, message="Invalid username or password.")
        if owner != user[0] and owner not in user[1]:
            return _error(403, message=f"You don't have the rights to create a model under the namespace {owner!r}.")
        return None

    def _find(self, request: Request) -> tuple[Repo, Commit] | Response:
        """The repository and the commit that a path names, or the answer where there is none to be seen."""
        owner, name = request.path_params["owner"], request.path_params["name"]
        kind = "spaces/" if request.url.path.startswith(("/api/spaces/", "/spaces/")) else ""
        repo = self.repos.get(f"{kind}{owner}/{name}")
        user = self._user(request)
        if repo is None or (repo.private and (user is None or owner not in (user[0], *user[1]))):
            return _error(404 if user else 401, "RepoNotFound", "Repository not found")
        commit = repo.at(request.path_params.get("revision", "main"))
        if commit is None:
            return _error(404, "RevisionNotFound", "Invalid rev id")
        return repo, commit

    def _create(self, repo_id: str, private: bool = False) -> Repo:
        repo = self.repos[repo_id] = Repo(repo_id, private)
        repo.commit({".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"}, "initial commit")
        return repo

    # Accounts and repositories.

    async def _whoami(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            return _error(401, message="Invalid credentials in Authorization header")
        orgs = [{"name": org, "type": "org"} for org in user[1]]
        return JSONResponse({"type": "user", "name": user[0], "orgs": orgs, "auth": {"type": "access_token"}})

    async def _create_repo(self, request: Request) -> Response:
        asked = await request.json()
        user = self._user(request)
        owner = asked.get("organization") or (user[0] if user else "")
        if refused := self._may_write(request, owner):
            return refused
        repo_id = f"{'spaces/' if asked.get('type') == 'space' else ''}{owner}/{asked['name']}"
        url = {"url": f"{self.endpoint}/{repo_id}"}
        if repo_id in self.repos:
            return JSONResponse({"error": "You already created this model repo", **url}, 409)
        self._create(repo_id, asked.get("visibility") == "private")
        return JSONResponse(url)

    async def _delete_repo(self, request: Request) -> Response:
        asked = await request.json()
        user = self._user(request)
        owner = asked.get("organization") or (user[0] if user else "")
        if refused := self._may_write(request, owner):
            return refused
        if self.repos.pop(f"{owner}/{asked['name']}", None) is None:
            return _error(404, "RepoNotFound")
        return JSONResponse({})

    async def _validate(self, request: Request) -> Response:
        content = (await request.json())["content"]
        try:
            _front_matter(content)
            if self.card_fault is not None:
                raise ValueError(self.card_fault)
        except (yaml.YAMLError, ValueError) as error:
            return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, 400)
        return JSONResponse({"errors": [], "warnings": []})

    # Reading.

    async def _list(self, request: Request) -> Response:
        asked = request.query_params
        rows = []
        for repo in sorted(self.repos.values(), key=lambda repo: repo.id):
            row = self._describe(repo, repo.head)
            user = self._user(request)
            seen = not repo.private or (user is not None and repo.id.split("/")[0] in (user[0], *user[1]))
            wanted = (
                set(asked.getlist("filter")) <= set(row["tags"])
                and asked.get("author", row["author"]) == row["author"]
                and asked.get("search", "").lower() in repo.id.lower()
            )
            if seen and wanted:
                rows.append(row)
        start = int(asked.get("cursor", 0))
        stop = start + min(self.page_size, int(asked.get("limit", self.page_size)))
        page = [_expanded(row, asked.getlist("expand"), "full" in asked, "cardData" in asked) for row in rows]
        return self._page(request, page[start:stop], stop if stop < len(rows) else None)

    async def _info(self, request: Request) -> Response:
        actual = self._find(request)
        if isinstance(actual, Response):
            return actual
        row = self._describe(*actual)
        expand = request.query_params.getlist("expand")
        if "blobs" in request.query_params:
            row["siblings"] = [_sibling(path, data) for path, data in sorted(actual[1].files.items())]
        return JSONResponse(_expanded(row, expand, True, True))

    async def _refs(self, request: Request) -> Response:
        actual = self._find(request)
        if isinstance(actual, Response):
            return actual
        repo = actual[0]
        tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": sha} for n, sha in repo.tags.items()]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.head.sha}
        return JSONResponse({"branches": [main], "converts": [], "tags": tags})

    async def _tree(self, request: Request) -> Response:
        actual = self._find(request)
        if isinstance(actual, Response):
            return actual
        rows = [_entry(path, data) for path, data in sorted(actual[1].files.items())]
        start = int(request.query_params.get("cursor", 0))
        stop = start + self.page_size
        return self._page(request, rows[start:stop], stop if stop < len(rows) else None)

    async def _paths_info(self, request: Request) -> Response:
        actual = self._find(request)
        if isinstance(actual, Response):
            return actual
        paths = (await request.form()).getlist("paths")
        return JSONResponse([_entry(path, data) for path, data in actual[1].files.items() if path in paths])

    async def _commits(self, request: Request) -> Response:
        actual = self._find(request)
        if isinstance(actual, Response):
            return actual
        rows = [
            {"id": commit.sha, "title": commit.message, "message": "", "date": _WHEN, "authors": []}
            for commit in reversed(actual[0].commits)
        ]
        return JSONResponse(rows)

    async def _resolve(self, request: Request) -> Response:
        actual = self._find(request)
        if isinstance(actual, Response):
            return actual
        repo, commit = actual
        if repo.gated:
            return _error(403, "GatedRepo", f"Access to model {repo.id} is restricted")
        headers = {"X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
        data = commit.files.get(request.path_params["path"])
        if data is None:
            return _error(404, "EntryNotFound", "Entry not found", headers)
        headers["ETag"] = f'"{git_oid(data)}"'
        if _is_lfs(request.path_params["path"]):
            headers |= {"X-Linked-Etag": f'"{sha256(data)}"', "X-Linked-Size": str(len(data))}
        asked = request.headers.get("range")
        if asked is None:
            return Response(data, headers=headers, media_type="application/octet-stream")
        first, _, last = asked.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        return Response(part, 206, headers, "application/octet-stream")

    # Writing.

    async def _preupload(self, request: Request) -> Response:
        actual = self._find(request)
        if isinstance(actual, Response):
            return actual
        if refused := self._may_write(request, request.path_params["owner"]):
            return refused
        rows = []
        for file in (await request.json())["files"]:
            path, data = file["path"], actual[1].files.get(file["path"])
            oid = None if data is None else sha256(data) if _is_lfs(path) else git_oid(data)
            mode = "lfs" if _is_lfs(path) else "regular"
            rows.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **({"oid": oid} if oid else {})})
        return JSONResponse({"files": rows})

    async def _batch(self, request: Request) -> Response:
        if refused := self._may_write(request, request.path_params["owner"]):
            return refused
        rows = []
        for row in (await request.json())["objects"]:
            action = {"upload": {"href": f"{self.endpoint}/objects/{row['oid']}"}}
            stored = row["oid"] in self._objects
            rows.append({"oid": row["oid"], "size": row["size"], **({} if stored else {"actions": action})})
        return JSONResponse({"transfer": "basic", "objects": rows})

    async def _store(self, request: Request) -> Response:
        data = await request.body()
        if sha256(data) != request.path_params["oid"]:
            return _error(422, message="the bytes are not those of the hash")
        self._objects[sha256(data)] = data
        return Response()

    async def _commit(self, request: Request) -> Response:
        body = await request.body()
        if self.before_commit is not None:
            self.before_commit(f"{request.path_params['owner']}/{request.path_params['name']}")
        actual = self._find(request)
        if isinstance(actual, Response):
            return actual
        if refused := self._may_write(request, request.path_params["owner"]):
            return refused
        repo, head = actual
        header, *operations = (json.loads(line) for line in body.splitlines())
        if header["value"].get("parentCommit", repo.head.sha) != repo.head.sha:
            return _error(412, message="A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for operation in operations:
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile":
                files[value["path"]] = self._objects[value["oid"]]
            elif files.pop(value["path"], None) is None:
                return _error(404, "EntryNotFound", "A file with this name doesn't exist")
        commit = repo.commit(files, header["value"]["summary"])
        return JSONResponse({"commitUrl": f"{self.endpoint}/{repo.id}/commit/{commit.sha}", "commitOid": commit.sha})

    async def _tag(self, request: Request) -> Response:
        actual = self._find(request)
        if isinstance(actual, Response):
            return actual
        if refused := self._may_write(request, request.path_params["owner"]):
            return refused
        name = (await request.json())["tag"]
        if name in actual[0].tags:
            return _error(409, message=f"Tag {name} already exists")
        actual[0].tags[name] = actual[1].sha
        return Response()

    async def _create_collection(self, request: Request) -> Response:
        asked = await request.json()
        if refused := self._may_write(request, asked["namespace"]):
            return refused
        slug = f"{asked['namespace']}/{asked['title'].lower().replace(' ', '-')}-0123456789abcdef01234567"
        if slug in self.collections:
            return JSONResponse({"error": "Collection already exists", "slug": slug}, 409)
        self.collections[slug] = {
            "slug": slug,
            "title": asked["title"],
            "owner": asked["namespace"],
            "items": [],
            "lastUpdated": _WHEN,
            "position": 0,
            "private": asked["private"],
            "theme": "green",
            "upvotes": 0,
        }
        return JSONResponse(self.collections[slug])

    async def _add_to_collection(self, request: Request) -> Response:
        collection = self.collections.get(request.path_params["slug"])
        if collection is None:
            return _error(404, message="Collection not found")
        if refused := self._may_write(request, collection["owner"]):
            return refused
        item = (await request.json())["item"]
        if any(row["id"] == item["id"] for row in collection["items"]):
            return _error(409, message="Item already in the collection")
        collection["items"].append({"_id": str(len(collection["items"])), "position": 0, **item})
        return JSONResponse(collection)

    async def _collection(self, request: Request) -> Response:
        collection = self.collections.get(request.path_params["slug"])
        return _error(404, message="Collection not found") if collection is None else JSONResponse(collection)

    # Rows.

    def _describe(self, repo: Repo, commit: Commit) -> dict[str, Any]:
        """Everything the Hub says of a repository; its tags come from the card."""
        try:
            card = _front_matter(commit.files.get("README.md", b"").decode())
        except (yaml.YAMLError, ValueError):
            card = {}
        tags = [*card.get("tags", [])]
        tags += [card["library_name"]] if "library_name" in card else []
        tags += [f"dataset:{name}" for name in card.get("datasets", [])]
        tags += [f"license:{card['license']}"] if "license" in card else []
        return {
            "_id": hashlib.sha1(repo.id.encode()).hexdigest()[:24],
            "id": repo.id,
            "modelId": repo.id,
            "author": repo.id.split("/")[0],
            "sha": commit.sha,
            "lastModified": _WHEN,
            "createdAt": _WHEN,
            "private": repo.private,
            "gated": "manual" if repo.gated else False,
            "downloads": 0,
            "likes": 0,
            "tags": list(dict.fromkeys(tags)),
            "library_name": card.get("library_name"),
            "cardData": card,
            "model-index": card.get("model-index"),
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
            "safetensors": _parameters(commit.files.get("model.safetensors")),
        }

    def _page(self, request: Request, rows: list[Any], following: int | None) -> Response:
        headers = {}
        if following is not None:
            asked = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
            link = urlencode([*asked, ("cursor", following)])
            headers["Link"] = f'<{self.endpoint}{request.url.path}?{link}>; rel="next"'
        return JSONResponse(rows, headers=headers)


def git_oid(data: bytes) -> str:
    """The name that git gives a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_lfs(path: str) -> bool:
    return any(fnmatch(path, pattern) for pattern in _LFS)


def _sibling(path: str, data: bytes) -> dict[str, Any]:
    entry = _entry(path, data)
    row = {"rfilename": path, "size": entry["size"], "blobId": entry["oid"]}
    return row | ({"lfs": {"sha256": sha256(data), "size": len(data), "pointerSize": 134}} if "lfs" in entry else {})


def _entry(path: str, data: bytes) -> dict[str, Any]:
    """A row of a tree; the oid of an LFS file is that of its pointer."""
    if not _is_lfs(path):
        return {"type": "file", "path": path, "size": len(data), "oid": git_oid(data)}
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data)}\nsize {len(data)}\n".encode()
    lfs = {"oid": sha256(data), "size": len(data), "pointerSize": len(pointer)}
    return {"type": "file", "path": path, "size": len(data), "oid": git_oid(pointer), "lfs": lfs}


def _expanded(row: dict[str, Any], expand: list[str], full: bool, card: bool) -> dict[str, Any]:
    """A row as it is sent: what was asked for by name, or all but what has to be asked for."""
    if expand:
        return {key: row[key] for key in ("_id", "id", *expand) if key in row}
    left = (
        {"safetensors"} | (set() if full else {"sha", "siblings", "lastModified"}) | (set() if card else {"cardData"})
    )
    return {key: value for key, value in row.items() if key not in left}


def _front_matter(text: str) -> dict[str, Any]:
    if not text.startswith("---\n"):
        return {}
    card = yaml.safe_load(text.split("\n---", 1)[0][4:])
    if not isinstance(card, dict):
        raise ValueError("the card's metadata is no mapping")
    return card


def _parameters(weights: bytes | None) -> dict[str, Any] | None:
    """How many parameters of which type a safetensors file holds."""
    if weights is None or len(weights) < 8:
        return None
    (length,) = struct.unpack("<Q", weights[:8])
    try:
        header = json.loads(weights[8 : 8 + length])
    except ValueError:
        return None
    counts: dict[str, int] = {}
    for name, tensor in header.items():
        if name != "__metadata__":
            size = 1
            for side in tensor["shape"]:
                size *= side
            counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + size
    return {"parameters": counts, "total": sum(counts.values())}


def _error(status: int, code: str = "", message: str = "", headers: dict[str, str] | None = None) -> Response:
    output = {**({"X-Error-Code": code} if code else {}), **({"X-Error-Message": message} if message else {})}
    return JSONResponse({"error": message or code}, status, {**(headers or {}), **output})
