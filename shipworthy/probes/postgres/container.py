"""A Postgres server in a container, on whatever engine this machine offers."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg

from shipworthy.errors import ProbeError

LOOPBACK = "127.0.0.1"
RUN_LABEL = "shipworthy.run"
START_S = 120.0
LOOK_S = 0.1
NOT_DURABLE = ("postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class ContainerServer:
    """A running container and how to reach the server in it."""

    container: str
    """Its id."""
    host: str
    port: int
    superuser: str
    password: str

    def dsn(self) -> str:
        """Give the URL of the database ``postgres``, as the superuser."""
        credentials = f"{self.superuser}:{quote(self.password, safe='')}"
        return f"postgresql://{credentials}@{self.host}:{self.port}/postgres"


def start_container(image: str, *, run: str, password: str) -> ContainerServer:
    """Start a server and return when it answers.

    Args:
        image: any image that takes ``POSTGRES_PASSWORD`` as the official one does.
        run: put on the container as a label, so that ``remove_containers`` finds it.
        password: of its superuser.

    Raises:
        ProbeError: no engine, no image, or no answer.

    """
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    provide_image(image)
    # The journal and the label take the place of testcontainers' own reaper, which is one more image.
    testcontainers_config.ryuk_disabled = True
    supabase = "supabase/postgres" in image
    container = DockerContainer(image)
    container.ports["5432/tcp"] = _publication(container)  # type: ignore[assignment]  # what the SDK takes
    container.with_envs(POSTGRES_PASSWORD=password)
    container.with_kwargs(labels={RUN_LABEL: run})
    if not supabase:  # theirs has its configuration in its command
        container.with_command(list(NOT_DURABLE))
    container.start()
    with closing(container.get_docker_client().client) as client:
        server = ContainerServer(
            container=container.get_container_id(),
            host=container.get_container_host_ip().replace("localhost", LOOPBACK),
            port=int(container.get_exposed_port(5432)),
            superuser="supabase_admin" if supabase else "postgres",
            password=password,
        )
        _wait(client, server)
    return server


def provide_image(image: str, *, within_s: float | None = None) -> None:
    """Have an image here, pulled where it is missing.

    Args:
        image: its name.
        within_s: how long the pull may take; as long as it likes where None.

    Raises:
        ProbeError: no engine answers, or the image cannot be had, or not in time.

    """
    from docker.errors import DockerException, ImageNotFound

    with closing(_engine()) as client:
        try:
            try:
                client.images.get(image)
            except ImageNotFound:
                _pull(client, image, within_s)
        except DockerException as error:
            cause = getattr(error, "explanation", None) or error
            raise ProbeError(
                f"image {image} is not here and cannot be pulled ({cause}); name another as database.image,"
                ' or set scratch = "embedded"'
            ) from error


def _pull(client: Any, image: str, within_s: float | None) -> None:
    from docker.errors import DockerException

    deadline = time.monotonic() + (within_s or float("inf"))
    for event in client.api.pull(image, tag=None if ":" in image else "latest", stream=True, decode=True):
        if "error" in event:
            raise DockerException(event["error"])
        if time.monotonic() > deadline:  # what has come stays: the next try goes on from there
            raise DockerException(f"it has not come within {within_s:g} s")


def remove_containers(run: str) -> list[str]:
    """Remove every container of a run with its volumes; give their names.

    Raises:
        ProbeError: no engine answers.

    """
    with closing(_engine()) as client:
        found = client.containers.list(all=True, filters={"label": f"{RUN_LABEL}={run}"})
        for container in found:
            container.remove(force=True, v=True)
        return [container.name for container in found]


def _engine() -> Any:
    import docker
    from docker.errors import DockerException

    try:
        return docker.from_env()  # asks the engine for its version
    except DockerException as error:
        raise ProbeError(
            f'no container engine answers ({error}); start one, or set scratch = "embedded"'
        ) from error


def _publication(container: Any) -> tuple[str, None] | None:
    """Publish on loopback where that is where we connect to: not from inside a container, nor from afar."""
    from testcontainers.core.config import ConnectionMode

    client = container.get_docker_client()
    near = client.get_connection_mode() == ConnectionMode.docker_host and client.host() == "localhost"
    return (LOOPBACK, None) if near else None


def _wait(client: Any, server: ContainerServer) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with psycopg.connect(server.dsn(), connect_timeout=5):
                return
        except psycopg.OperationalError as error:
            container = client.containers.get(server.container)
            if container.status in {"exited", "dead"} or time.monotonic() > deadline:
                said = container.logs(tail=5).decode(errors="replace").strip()
                raise ProbeError(
                    f"Postgres in {container.name} does not answer ({error}):\n{said}"
                ) from error
            time.sleep(LOOK_S)
