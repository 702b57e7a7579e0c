# SPDX-License-Identifier: Apache-2.0
"""Agents that end-to-end tests ask from other threads and other addresses, with TLS where wanted."""
import contextlib
import gzip
import http.client
import os
import pathlib
import ssl
import subprocess
import unittest

import support


def require_web_config():
    """Skips the test when the agent has no TLS."""
    text = subprocess.run([support.binary("plimsoll"), "agent", "--help"], capture_output=True, text=True, check=True)
    if "--web.config.file" not in text.stdout:
        raise unittest.SkipTest("this agent has no --web.config.file")


def trusting_anybody():
    """A client's context: what is tested is not the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def write_config(place):
    """A web configuration file with a certificate of its own."""
    directory = place.path / "web"
    directory.mkdir(exist_ok=True)
    subprocess.run([support.tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", directory / "key.pem",
                    "-out", directory / "cert.pem"], check=True, capture_output=True)
    config = directory / "web.yml"
    config.write_text("tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n")
    return config


class WebAgent(support.Agent):
    """An agent behind TLS or not; answers are those of get()."""

    def __init__(self, place, tls, *flags):
        self.context = trusting_anybody() if tls else None
        config = ["--web.config.file", str(write_config(place))] if tls else []
        super().__init__(place, 0, [*config, *flags])

    def connection(self, source="127.0.0.1", timeout=5):
        host, _, port = self.address.rpartition(":")
        where = {"timeout": timeout * support.TIME_FACTOR, "source_address": (source, 0)}
        if self.context:
            return http.client.HTTPSConnection(host, int(port), context=self.context, **where)
        return http.client.HTTPConnection(host, int(port), **where)

    def get(self, path, headers=None, source="127.0.0.1", timeout=5):
        """(status, Content-Type, body, bytes on the wire) of a GET; an OSError when there is no answer."""
        with contextlib.closing(self.connection(source, timeout)) as connection:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            wire = answer.read()
            body = gzip.decompress(wire) if answer.getheader("Content-Encoding") == "gzip" else wire
            return answer.status, answer.getheader("Content-Type"), body, len(wire)

    def wait_ready(self, path):
        def answered():
            if not self.alive():
                raise AssertionError(f"the agent ended with {self.process.returncode}: {self.output()}")
            with contextlib.suppress(OSError):
                return self.get(path)[0] == 200
            return False
        support.wait_until(f"{self.address}{path}", answered, timeout=30)

    def metrics(self, path="/metrics"):
        status, _, body, _ = self.get(path, timeout=30)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body!r}")
        return body.decode()

    def _number(self, file, key):
        text = pathlib.Path(f"/proc/{self.process.pid}/{file}").read_text()
        return int(text.split(key)[1].split()[0])

    def anonymous_kb(self):
        return self._number("status", "RssAnon:")

    def cpu_seconds(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def sockets(self):
        """How many descriptors are sockets: those that listen, and connections."""
        count = 0
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(f"/proc/{self.process.pid}/fd/{name}").startswith("socket:")
        return count
