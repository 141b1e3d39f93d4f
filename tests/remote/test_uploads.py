"""Folders of this machine where jobs find them."""

from __future__ import annotations

from pathlib import Path

from flytekit.configuration import Config
from flytekit.remote import FlyteRemote

from flytekit_sagemaker.remote.admin import Admin
from flytekit_sagemaker.remote.uploads import upload
from flytekit_sagemaker.sandbox import Sandbox
from flytekit_sagemaker.uris import local_path


def test_a_folder_is_uploaded_with_all_that_is_in_it(flyte: Sandbox, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "a folder", tmp_path / "elsewhere"
    (folder / "deep ü").mkdir(parents=True)
    elsewhere.mkdir()
    (folder / "a b.csv").write_text("1")
    (folder / "empty").touch()
    (folder / "deep ü" / "ü.csv").write_text("2")
    (elsewhere / "c.csv").write_text("3")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "linked.csv").symlink_to(elsewhere / "c.csv")
    (folder / "deep ü" / "back").symlink_to(folder)
    (folder / "broken").symlink_to("nowhere")

    config = Config.auto(str(flyte.config_file))
    remote = FlyteRemote(config, "flyteexamples", "development", interactive_mode_enabled=False)
    place = local_path(upload(Admin.of(remote, "flyteexamples", "development"), folder))
    assert place is not None
    found = {path.relative_to(place).as_posix(): path.read_text() for path in place.rglob("*") if path.is_file()}
    assert found == {"a b.csv": "1", "empty": "", "deep ü/ü.csv": "2", "linked/c.csv": "3", "linked.csv": "3"}
