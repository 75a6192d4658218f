"""Opening and saving files, and the examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphlang.server.examples import EXAMPLES, example_text
from tests.server.conftest import NEURON, Client, serve

ROOT = Path(__file__).parents[2]


def test_the_file_of_the_command_line_is_there(client: Client) -> None:
    found = client.ask("open")
    assert (found["name"], found["text"], found["folder"]) == ("net.graph", NEURON, "models")


def test_without_a_file_there_is_an_example(folder: Path) -> None:
    server = serve(folder)
    found = Client(server).ask("open")
    server.shutdown()
    server.server_close()
    assert (found["name"], found["version"]) == ("untitled.graph", None)
    assert found["text"] == (ROOT / "examples" / "product_of_sum.graph").read_text(encoding="utf-8")


def test_a_file_that_is_not_there_yet_is_empty(folder: Path) -> None:
    server = serve(folder, "new.graph")
    found = Client(server).ask("open")
    server.shutdown()
    server.server_close()
    assert (found["name"], found["text"]) == ("new.graph", "")


def test_what_is_saved_is_on_disk(client: Client, folder: Path) -> None:
    opened = client.ask("load", name="blocks.graph")
    saved = client.ask("save", name="blocks.graph", text="x = 1\n", version=opened["version"])
    assert (saved["status"], (folder / "blocks.graph").read_text()) == (200, "x = 1\n")
    again = client.ask("save", name="blocks.graph", text=opened["text"], version=saved["version"])
    assert (again["status"], (folder / "blocks.graph").read_text()) == (200, opened["text"])


def test_a_file_that_someone_else_has_changed_is_not_overwritten_unasked(
    client: Client, folder: Path
) -> None:
    place = folder / "shared.graph"
    place.write_text("x = 1\n")
    version = client.ask("load", name="shared.graph")["version"]
    place.write_text("x = 2\n")
    found = client.ask("save", name="shared.graph", text="x = 3\n", version=version)
    assert (found["status"], found["conflict"], place.read_text()) == (409, True, "x = 2\n")
    assert (
        client.ask("save", name="shared.graph", text="x = 3\n", version=version, force=True)["status"] == 200
    )
    assert place.read_text() == "x = 3\n"
    place.unlink()


def test_a_new_name_does_not_overwrite_what_has_it(client: Client, folder: Path) -> None:
    assert client.ask("save", name="net.graph", text="", version=None)["conflict"] is True
    assert (folder / "net.graph").read_text() == NEURON


def test_line_ends_are_kept(client: Client, folder: Path) -> None:
    place = folder / "crlf.graph"
    place.write_bytes(b"x = 1\r\ny = 2\r\n")
    found = client.ask("load", name="crlf.graph")
    assert (found["text"], found["is_crlf"]) == ("x = 1\ny = 2\n", True)
    client.ask("save", name="crlf.graph", text="x = 3\n", version=found["version"], is_crlf=True)
    assert place.read_bytes() == b"x = 3\r\n"
    place.unlink()


def test_a_file_that_is_no_text_is_not_opened(client: Client, folder: Path) -> None:
    (folder / "binary.graph").write_bytes(b"\xff\xfe\x00\x01")
    assert client.ask("load", name="binary.graph")["status"] == 400
    (folder / "binary.graph").unlink()


def test_nothing_else_is_left_in_the_folder(client: Client, folder: Path) -> None:
    client.ask("save", name="once.graph", text="x = 1\n")
    (folder / "once.graph").unlink()
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_one_of_the_repository_and_has_no_mistakes(client: Client, name: str) -> None:
    found = client.ask("example", name=name)
    assert found["text"] == (ROOT / "examples" / name).read_text(encoding="utf-8")
    assert client.look(found["text"], name)["ok"]


def test_nothing_but_examples_is_an_example(client: Client) -> None:
    assert client.ask("example", name="../pyproject.toml")["status"] == 404
    assert example_text("blocks.graph") is None


def test_the_wheel_brings_the_examples_along() -> None:
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {k: v for k, v in included.items() if k.startswith("examples/")} == {
        f"examples/{n}": f"graphlang/examples/{n}" for n in EXAMPLES
    }
