"""Wheel and sdist hold what they should, and fedmf works where only the wheel is installed."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "fedmf"
PAGES = sorted((ROOT / "docs" / "errors").glob("*.md"))


def run(*command: str | Path, folder: Path, status: int = 0) -> str:
    ended = subprocess.run(  # noqa: S603 - the package that was just built
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def build(source: Path, target: str, out: Path) -> Path:
    """Build without network: hatchling comes from this environment."""
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out, folder=source)
    (built,) = out.iterdir()
    return built


def files_in(folder: Path) -> list[Path]:
    """Return all files but those that tools leave behind."""
    return [
        file
        for file in folder.rglob("*")
        if file.is_file()
        and not any(part.startswith((".", "__pycache__")) for part in file.relative_to(ROOT).parts)
    ]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the sdist that was built; return its one folder."""
    place = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build(ROOT, "sdist", tmp_path_factory.mktemp("archive"))) as archive:
        archive.extractall(place, filter="data")
    (folder,) = place.iterdir()
    return folder


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment that has the others' packages from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel, folder=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A folder named by a .pth file has no say in .pth files: that of the editable install is idle.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_holds_the_package_its_pages_and_its_licences(wheel: Path) -> None:
    expected = {
        f"fedmf/{file.relative_to(PACKAGE).as_posix()}": file.read_bytes()
        for file in files_in(PACKAGE)
    }
    assert {"fedmf/py.typed", "fedmf/ratings/bundled/movielens-small.zip"} < set(expected)
    expected |= {f"fedmf/error_pages/{page.name}": page.read_bytes() for page in PAGES}
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    about = {name: held.pop(name) for name in list(held) if ".dist-info/" in name}
    assert held == expected
    licences = {
        name.partition("/licenses/")[2]: text
        for name, text in about.items()
        if "/licenses/" in name
    }
    bundled = "src/fedmf/ratings/bundled/LICENSE-MovieLens.txt"
    assert licences == {name: (ROOT / name).read_bytes() for name in ("LICENSE", bundled)}


def test_the_sdist_builds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    assert build(sdist, "wheel", tmp_path).read_bytes() == wheel.read_bytes()


def test_the_sdist_holds_tests_pages_and_locks_and_no_environment(sdist: Path) -> None:
    held = {file.relative_to(sdist).as_posix() for file in sdist.rglob("*") if file.is_file()}
    for folder in ("src", "tests", "docs", "examples", "benchmarks", "locks", "scripts"):
        files = {file.relative_to(ROOT).as_posix() for file in files_in(ROOT / folder)}
        assert files <= held
    assert {"Makefile", "CONTRIBUTING.md", "CHANGELOG.md", "mkdocs.yml"} <= held
    assert not [name for name in held if name.startswith((".venv", "site/", ".git/"))]


def test_the_installed_wheel_trains_reports_and_explains_errors(
    installed: Path, tmp_path: Path
) -> None:
    where = run(installed / "python", "-c", "import fedmf; print(fedmf.__file__)", folder=tmp_path)
    assert Path(where).is_relative_to(installed.parent)
    fedmf = installed / "fedmf"
    sizes = ("--users", "12", "--items", "20", "--factors", "2", "--rounds", "2")
    run(fedmf, "train", *sizes, "--workers", "1", "--out", "run", folder=tmp_path)
    run(fedmf, "report", "run", folder=tmp_path)
    assert (tmp_path / "run" / "report.html").stat().st_size > 0
    (tmp_path / "mine.csv").write_text("user,item,rating\nann,Solaris,five\n")
    refused = run(fedmf, "train", "mine.csv", folder=tmp_path, status=10)
    assert refused.endswith("fedmf error 10 says more\n")
    assert run(fedmf, "error", "10", folder=tmp_path).startswith("# Error 10: ")


def test_extras_that_somebody_is_told_to_install_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pages = [page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md")]
    source = [module.read_text("utf-8") for module in PACKAGE.rglob("*.py")]
    told = set(re.findall(r"\.venv/bin/pip install -e '\.\[(\w+)\]'", "".join(pages)))
    told |= set(re.findall(r"how_to_install\('(\w+)'\)", "".join(source)))
    assert told == set(project["optional-dependencies"])
    # It is on no index.
    assert "install 'fedmf" not in "".join(pages + source)
