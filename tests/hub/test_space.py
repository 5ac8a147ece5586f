"""A Space is deployed by the real client, to the Hub double."""

import pytest

from vqzoo.hub.space import deploy

REPO = "spaces/owner/demo"


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    (folder / "vqzoo").mkdir(parents=True)
    (folder / "README.md").write_text("---\nsdk: gradio\n---\n")
    (folder / "app.py").write_text("import vqzoo")
    (folder / "vqzoo" / "weights.safetensors").write_bytes(bytes(range(256)) * 100)
    return folder


def test_it_holds_the_bundle_and_nothing_else_in_one_commit_each_time(hub, bundle):
    url = deploy(bundle, "owner/demo")
    files = {path.relative_to(bundle).as_posix(): path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    assert hub.repos[REPO].files == files and len(hub.repos[REPO].commits) == 2
    assert hub.repos[REPO].head.sha in url
    (bundle / "app.py").write_text("import vqzoo.ui")
    (bundle / "vqzoo" / "weights.safetensors").rename(bundle / "weights.safetensors")
    deploy(bundle, "owner/demo")
    assert hub.repos[REPO].files.keys() == {"README.md", "app.py", "weights.safetensors"}
    assert hub.repos[REPO].files["app.py"] == b"import vqzoo.ui" and len(hub.repos[REPO].commits) == 3
    deploy(bundle, "owner/demo")
    assert len(hub.repos[REPO].commits) == 3, "nothing had changed"


def test_a_lost_race_overwrites_nothing(hub, bundle):
    deploy(bundle, "owner/demo")
    (bundle / "app.py").write_text("mine")
    hub.before_commit = lambda repo_id: hub.repos[REPO].commit({"app.py": b"theirs"}, "somebody else's")
    with pytest.raises(ValueError, match="was changed on the Hub while this .*; nothing was overwritten"):
        deploy(bundle, "owner/demo")
    assert hub.repos[REPO].files == {"app.py": b"theirs"}


def test_refusals_are_one_sentence(hub, bundle):
    with pytest.raises(ValueError, match="you may not write to 'somebody/demo'"):
        deploy(bundle, "somebody/demo")
    with hub.down(), pytest.raises(ValueError, match="the Hub cannot be reached"):
        deploy(bundle, "owner/demo")
