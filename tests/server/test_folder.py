"""What lies outside the folder that was opened can be neither read nor written, whatever a text says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graphlang.server.folder import Folder, OutsideError
from tests.server.conftest import Client

READ = 'data d = csv("{}") {{\n  x = column("x")\n}}\ninput x: [N]\nf = sum(x)\noutput f\n'


def test_data_in_the_folder_are_read(client: Client) -> None:
    assert client.look(READ.format("data.csv"))["numbers"]["f"]["value"] == 4.0


@pytest.mark.parametrize(
    "path",
    [
        "../secret.csv",
        "link.csv",
        "up/secret.csv",
        "up/models/../secret.csv",
        "/etc/passwd",
        "./../secret.csv",
    ],
)
def test_data_outside_the_folder_are_not_read(client: Client, path: str) -> None:
    found = client.look(READ.format(path))
    assert [d["code"] for d in found["diagnostics"]] == ["E0804"]
    assert "lies outside the folder" in found["diagnostics"][0]["message"]
    assert "numbers" not in found


def test_data_outside_are_not_read_in_training_or_for_a_script_either(client: Client) -> None:
    text = READ.format("../secret.csv")
    assert "lies outside the folder" in str(client.ask("export", text=text, name="net.graph")["why"])
    assert "lies outside the folder" in str(client.ask("gradcheck", text=text, name="net.graph")["why"])


def test_an_import_in_the_folder_is_read(client: Client) -> None:
    found = client.look('import "blocks.graph"\ninput x = 3\nf = twice(x)\n')
    assert found["numbers"]["f"]["value"] == 6.0


@pytest.mark.parametrize("path", ["../secret.graph", "link.graph", "up/secret.graph"])
def test_an_import_from_outside_is_not_read(client: Client, path: str) -> None:
    found = client.look(f'import "{path}"\ninput x = SECRET\n')
    assert [d["code"] for d in found["diagnostics"]] == ["E0110"]
    assert "7" not in str(found.get("numbers"))


def test_an_import_of_an_import_is_held_to_the_same_rule(client: Client, folder: Path) -> None:
    (folder / "inner.graph").write_text('import "../secret.graph"\n')
    assert [d["code"] for d in client.look('import "inner.graph"\n')["diagnostics"]] == ["E0110"]


def test_imports_that_go_in_a_circle_end(client: Client, folder: Path) -> None:
    (folder / "a.graph").write_text('import "b.graph"\n')
    (folder / "b.graph").write_text('import "a.graph"\n')
    assert "E0801" in [d["code"] for d in client.look('import "a.graph"\n')["diagnostics"]]


@pytest.mark.parametrize(
    ("name", "status"),
    [("../x.graph", 403), ("link.graph", 403), ("up/x.graph", 403), ("/x.graph", 400), ("x.py", 400),
     (".graph", 400), ("", 400), ("a\0.graph", 400), ("no/such/folder.graph", 400)],
)  # fmt: skip
def test_nothing_is_saved_outside_the_folder_or_as_another_kind_of_file(
    client: Client, folder: Path, name: str, status: int
) -> None:
    before = sorted(folder.parent.rglob("*"))
    assert client.ask("save", name=name, text="x = 1\n", force=True)["status"] == status
    assert sorted(folder.parent.rglob("*")) == before
    assert (folder.parent / "secret.graph").read_text() == "const SECRET = 7\n"


@pytest.mark.parametrize("name", ["../secret.graph", "link.graph", "up/secret.graph"])
def test_nothing_outside_the_folder_is_opened(client: Client, name: str) -> None:
    assert client.ask("load", name=name)["status"] == 403


def test_the_list_of_files_leaves_out_links_that_lead_out(client: Client) -> None:
    files = client.ask("open")["files"]
    assert "net.graph" in files
    assert "link.graph" not in files


def test_a_folder_whose_name_begins_alike_is_another_folder(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models2").mkdir()
    folder = Folder(str(tmp_path / "models"))
    assert folder.holds(str(tmp_path / "models" / "x.csv"))
    assert not folder.holds(str(tmp_path / "models2" / "x.csv"))
    with pytest.raises(OutsideError):
        folder.place("../models2/x.graph")


# --- the second line of defence ---------------------------------------------------------------------

GUARDED = """
import os, socket, subprocess, sys
from graphlang.server.folder import Folder
from graphlang.server.guard import lock_in
folder, outside = sys.argv[1], sys.argv[2]
lock_in(Folder(folder))
inside = os.path.join(folder, "data.csv")
assert open(inside).read().startswith("x,y")
tries = {
    "read": lambda: open(outside).read(),
    "write": lambda: open(inside, "w"),
    "append": lambda: open(inside, "ab"),
    "create": lambda: os.open(os.path.join(folder, "new"), os.O_CREAT | os.O_WRONLY),
    "list": lambda: os.listdir(os.path.dirname(outside)),
    "run": lambda: subprocess.run(["true"]),
    "shell": lambda: os.system("true"),
    "remove": lambda: os.remove(inside),
    "rename": lambda: os.rename(inside, inside + "2"),
    "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
}
for name, attempt in tries.items():
    try:
        attempt()
    except OSError as error:
        assert "outside" in str(error) or "may not" in str(error), (name, error)
    else:
        raise SystemExit(f"{name} was possible")
import colorsys  # modules still load
"""


def test_a_worker_can_read_the_folder_and_nothing_more(folder: Path) -> None:
    outside = folder.parent / "secret.csv"
    subprocess.run([sys.executable, "-c", GUARDED, str(folder), str(outside)], check=True)
    assert (folder / "data.csv").read_text() == "x,y\n1,2\n3,4\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "npz", "npy", "parquet"])
def test_data_of_every_kind_are_read_in_a_worker(client: Client, folder: Path, kind: str) -> None:
    x = np.arange(6.0).reshape(3, 2)
    path = folder / f"table.{kind}"
    line = 'x = columns("a".."b")'
    if kind == "csv":
        np.savetxt(path, x, delimiter=",", header="a,b", comments="")
    elif kind == "npz":
        np.savez(path, x=x)
        line = 'x = column("x")'
    elif kind == "npy":
        np.save(path, x)
        line = "x = columns(0..1)"
    else:
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.table({"a": x[:, 0], "b": x[:, 1]}), path)
    text = f'data d = {kind}("table.{kind}") {{\n  {line}\n}}\ninput x: [N, 2]\nf = sum(x)\noutput f\n'
    found = client.look(text)
    assert found["diagnostics"] == []
    assert found["numbers"]["f"]["value"] == 15.0
    path.unlink()
