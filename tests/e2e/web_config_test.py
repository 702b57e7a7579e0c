# SPDX-License-Identifier: Apache-2.0
"""The web configuration file on the real agent: curl, garbage, renewals, a Prometheus that scrapes through all of it,
and promtool's opinion of the same files."""
import base64
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import support

# htpasswd -nbBC 4 alice secret: cheap, so that tests may guess. The slow one is the same with 2^12 rounds: nobody's.
ALICE = "$2y$04$xCGKfqiFNTrgkYGb3LrKjO0Z0k2Ij6S1p4v7DY2HVP9NeHAYtvbHO"
SLOW = ALICE.replace("$04$", "$12$")
ROUTES = ["/", "/metrics", "/metrics/cadvisor", "/metrics/node", "/healthz", "/-/healthy", "/-/ready"]
NO_ROUTES = ["/nothing", "/metrics/", "//metrics", "/%2e%2e/etc/passwd", "/metrics?collect[]=nothing", "*"]


class Authority:
    """A certificate authority in a directory: certificates as NAME.crt and NAME.key."""

    def __init__(self, directory, name="ca"):
        self.directory, self.name = pathlib.Path(directory), name
        self._key(name)
        self._openssl("req", "-x509", "-key", self.path(f"{name}.key"), "-out", self.path(f"{name}.crt"),
                      "-subj", f"/CN={name}", "-days", "2")

    def path(self, name):
        return str(self.directory / name)

    def issue(self, name, sans="DNS:localhost,IP:127.0.0.1", days=1):
        """Makes or replaces NAME.crt and NAME.key; days=-1: expired."""
        self._key(f"{name}.new")
        self._openssl("req", "-new", "-key", self.path(f"{name}.new.key"), "-out", self.path(f"{name}.csr"),
                      "-subj", f"/CN={name}", "-addext", f"subjectAltName={sans}")
        self._openssl("x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path(f"{self.name}.crt"),
                      "-CAkey", self.path(f"{self.name}.key"), "-copy_extensions", "copy", "-days", str(days),
                      "-set_serial", str(time.monotonic_ns()), "-out", self.path(f"{name}.new.crt"))
        for ending in ("key", "crt"):
            os.replace(self.path(f"{name}.new.{ending}"), self.path(f"{name}.{ending}"))

    def _key(self, name):
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                      self.path(f"{name}.key"))

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run([support.tool("openssl"), *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr}")


class SecureAgent(support.Agent):
    """An agent that answers nobody without a certificate, so it is ready when it says so."""

    def wait_ready(self, path):
        support.wait_until("the agent to listen", lambda: "listening on" in self.output(), timeout=30)


def config(**sections):
    return json.dumps(sections)  # JSON is YAML


def tls(**more):
    return {"cert_file": "server.crt", "key_file": "server.key", **more}


MUTUAL = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.crt"}


class WebConfigCase(unittest.TestCase):
    """An agent with a directory of certificates."""

    def setUp(self):
        self.place = support.Workspace()
        self.addCleanup(self.place.close)
        self.authority = Authority(self.place.path)
        self.authority.issue("server")
        self.authority.issue("client", sans="DNS:prometheus.example")

    def path(self, name):
        return str(self.place.path / name)

    def write(self, **sections):
        pathlib.Path(self.path("web.yml")).write_text(config(**sections), encoding="utf-8")

    def start(self, *flags, **sections):
        self.write(**sections)
        self.agent = self.place.start(SecureAgent, 0, ["--web.config.file", self.path("web.yml"), *flags])
        return self.agent

    def curl(self, path, *options, scheme="https", certificate=True, user=None):
        """(status, headers as lines); status 0 without an answer."""
        arguments = [support.tool("curl"), "-s", "-o", "/dev/null", "-D", "-", "--path-as-is", "-g", "--max-time", "20",
                     "--cacert", self.path("ca.crt"), *options]
        if certificate:
            arguments += ["--cert", self.path("client.crt"), "--key", self.path("client.key")]
        if user:
            arguments += ["-u", user]
        if path == "*":
            arguments, path = arguments + ["--request-target", "*"], "/"
        done = subprocess.run([*arguments, f"{scheme}://{self.agent.address}{path}"], capture_output=True, text=True,
                              check=False)
        lines = done.stdout.splitlines()
        found = re.match(r"HTTP/1\.[01] (\d{3})", done.stdout)
        return (int(found[1]) if found else 0), [line for line in lines[1:] if line]

    def status(self, *arguments, **options):
        return self.curl(*arguments, **options)[0]

    def serial(self):
        """Of the certificate that the server shows; whoever has none of its own is only told so afterwards."""
        context = ssl.create_default_context(cafile=self.path("ca.crt"))
        with socket.create_connection(("127.0.0.1", self.agent.port), 10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                return int(connection.getpeercert()["serialNumber"], 16)

    def ask(self, user=None, source="127.0.0.1"):
        """Status of a plain request, perhaps from another address of this machine; `user` as NAME:PASSWORD."""
        connection = http.client.HTTPConnection("127.0.0.1", self.agent.port, timeout=60, source_address=(source, 0))
        try:
            connection.request("GET", "/healthz", headers={
                "Authorization": "Basic " + base64.b64encode(user.encode()).decode()} if user else {})
            return connection.getresponse().status
        finally:
            connection.close()


class EveryRoute(WebConfigCase):
    def setUp(self):
        super().setUp()
        self.start(tls_server_config=tls(**MUTUAL), basic_auth_users={"alice": ALICE}, http_server_config={
            "headers": {"X-Frame-Options": "deny", "X-Content-Type-Options": "nosniff"}})

    def test_nothing_without_a_certificate(self):
        for path in ROUTES + NO_ROUTES:
            self.assertEqual(self.status(path, certificate=False, user="alice:secret"), 0, path)

    def test_nothing_without_the_password(self):
        for user in (None, "alice:wrong", "mallory:secret", ":"):
            for path in ROUTES:
                status, headers = self.curl(path, user=user)
                self.assertEqual(status, 401, path)
                self.assertTrue(any(h.startswith("WWW-Authenticate: Basic") for h in headers), headers)
            for path in NO_ROUTES:
                self.assertIn(self.status(path, user=user), (401, 400, 0), path)  # 400, 0: what is no path at all

    def test_no_method_is_an_exception(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "HEAD", "CONNECT", "PROPFIND"):
            options = ["-I"] if method == "HEAD" else ["-X", method]
            self.assertIn(self.status("/metrics", *options), (401, 400, 405, 501), method)
            self.assertNotEqual(self.status("/metrics", *options), 200, method)
        self.assertEqual(self.status("/metrics", "-I", user="alice:secret"), 200)

    def test_everything_with_both(self):
        for path in ROUTES:
            self.assertEqual(self.status(path, user="alice:secret"), 200, path)
        self.assertEqual(self.status("/nothing", user="alice:secret"), 404)
        self.assertEqual(self.status("/metrics?collect[]=nothing", user="alice:secret"), 400)

    def test_headers_are_everywhere(self):
        for path, user in (("/", "alice:secret"), ("/metrics", "alice:secret"), ("/nothing", "alice:secret"), ("/", None)):
            headers = self.curl(path, user=user)[1]
            self.assertEqual(headers.count("X-Frame-Options: deny"), 1, path)
            self.assertEqual(headers.count("X-Content-Type-Options: nosniff"), 1, path)

    def test_http_1_1_is_agreed_on(self):
        self.assertEqual(self.status("/healthz", "--http2", user="alice:secret"), 200)
        for version, fine in (("1.1", False), ("1.2", True), ("1.3", True)):
            options = ["--tlsv" + version, "--tls-max", version, "--ciphers", "DEFAULT@SECLEVEL=0"]
            self.assertEqual(self.status("/healthz", *options, user="alice:secret"), 200 if fine else 0, version)

    def test_garbage_harms_nobody(self):
        self.assertNotEqual(self.status("/metrics", scheme="http", user="alice:secret"), 200)
        hello = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"
        for garbage in (b"", b"GET / HTTP/1.1\r\n\r\n", hello, b"\x16\x03\x01\xff\xff" + b"\0" * 70000, os.urandom(3000)):
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", self.agent.port), 10) as connection:
                    try:
                        connection.sendall(garbage)
                        connection.shutdown(socket.SHUT_WR)
                        answer = connection.recv(100)
                    except OSError:
                        answer = b""
                    self.assertNotIn(b"200", answer)
        self.assertEqual(self.status("/healthz", user="alice:secret"), 200)
        self.assertTrue(self.agent.alive())


    def test_no_renegotiation_and_no_compression(self):
        done = subprocess.run([support.tool("openssl"), "s_client", "-connect", self.agent.address, "-tls1_2", "-CAfile",
                               self.path("ca.crt"), "-cert", self.path("client.crt"), "-key", self.path("client.key")],
                              input="R\n", capture_output=True, text=True, check=False, timeout=60)
        self.assertIn("Compression: NONE", done.stdout)
        self.assertIn("RENEGOTIATING", done.stdout + done.stderr)
        self.assertIn("no renegotiation", done.stdout + done.stderr)
        self.assertNotIn("TLS session ticket:", done.stdout)


class Renewal(WebConfigCase):
    def renewed(self, before):
        return support.wait_until("the new certificate", lambda: (now := self.serial()) != before and now, interval=0.2)

    def test_certificates_are_renewed_and_bad_ones_are_not_taken(self):
        self.start(tls_server_config=tls())
        first = self.serial()
        self.authority.issue("server")
        second = self.renewed(first)
        self.authority.issue("server", days=-1)
        support.wait_until("a line in the log", lambda: self.serial() and "it expired on" in self.agent.output())
        self.assertEqual(self.serial(), second)
        Authority(self.place.path, "other").issue("server")
        os.replace(self.path("client.key"), self.path("server.key"))
        support.wait_until("a line in the log", lambda: self.serial() and "is not the key of" in self.agent.output())
        for _ in range(20):
            self.assertEqual(self.serial(), second)
        self.assertLessEqual(self.agent.output().count("is not the key of"), 2)
        self.authority.issue("server")
        self.renewed(second)

    def test_the_file_itself_may_change(self):
        self.start(basic_auth_users={})
        self.assertEqual(self.ask(), 200)
        self.write(basic_auth_users={"alice": ALICE})
        support.wait_until("the user to be asked for", lambda: self.ask() == 401)
        self.assertEqual(self.ask("alice:secret"), 200)
        self.write(basic_auth_users={"alice": "secret"})
        support.wait_until("a line in the log", lambda: self.ask() and "is no bcrypt hash" in self.agent.output())
        self.assertEqual(self.ask("alice:secret"), 200)
        self.write(tls_server_config=tls())
        support.wait_until("a line in the log", lambda: self.ask() and "without a restart" in self.agent.output())
        self.assertEqual(self.ask(), 401)

    def test_an_expired_certificate_at_the_start(self):
        self.authority.issue("server", days=-1)
        self.start(tls_server_config=tls())
        self.assertIn("it expired on", self.agent.output())
        self.assertEqual(self.status("/healthz", "-k"), 200)


class Guessing(WebConfigCase):
    def test_guesses_cost_little_and_harm_nobody(self):
        self.start(basic_auth_users={"alice": ALICE, "slow": SLOW})
        self.assertEqual(self.ask("alice:secret"), 200)
        end, counts, seconds = threading.Event(), {}, 10

        def guess(number):
            while not end.is_set():
                status = self.ask("slow:guess", source=f"127.0.1.{number}")
                counts[status] = counts.get(status, 0) + 1
        threads = [threading.Thread(target=guess, args=(i % 2 + 1,)) for i in range(4)]
        before = self.cpu_seconds()
        for thread in threads:
            thread.start()
        begin, good = time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            self.assertEqual(self.ask("alice:secret"), 200)
            good += 1
        end.set()
        for thread in threads:
            thread.join()
        spent = self.cpu_seconds() - before
        print(f"  {good} good requests beside {counts}; {spent:.1f} s of processor in {seconds} s")
        self.assertGreater(counts.get(429, 0), 100)
        self.assertGreater(counts.get(401, 0), 0)
        self.assertLess(counts[401], 40)
        self.assertEqual(self.ask("slow:guess", source="127.0.1.9"), 401, "another address is heard")
        self.assertEqual(set(counts), {401, 429})

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.agent.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_the_rate_limit(self):
        self.start(rate_limit={"interval": "1h", "burst": 5})
        self.assertEqual([self.ask() for _ in range(7)], [200] * 5 + [429] * 2)


class Scraping(WebConfigCase):
    def test_prometheus_with_certificate_and_password(self):
        self.start(tls_server_config=tls(**MUTUAL, client_allowed_sans=["prometheus.example"], min_version="TLS13"),
                   basic_auth_users={"alice": ALICE})
        files = {"ca_file": self.path("ca.crt"), "cert_file": self.path("client.crt"), "key_file": self.path("client.key")}
        user = {"username": "alice", "password": "secret"}

        def up(**job):
            prometheus = self.place.start(support.Prometheus, [self.agent.address], 1, {"scheme": "https", **job})
            value = prometheus.wait_for('up{job="plimsoll"}')
            series = prometheus.value('node_load1')
            prometheus.stop()
            return value, series is not None
        self.assertEqual(up(tls_config=files, basic_auth=user), (1, True))
        self.assertEqual(up(tls_config=files, basic_auth={**user, "password": "guess"}), (0, False))
        self.assertEqual(up(tls_config={"ca_file": files["ca_file"]}, basic_auth=user), (0, False))


# What each file is for, the file, and whether it is good.
GOOD = [
    ("nothing", {}),
    ("null sections", {"tls_server_config": None, "basic_auth_users": None}),
    ("TLS", {"tls_server_config": tls()}),
    ("clients", {"tls_server_config": tls(**MUTUAL)}),
    ("older name", {"tls_server_config": tls(client_auth_type="RequireClientCert", client_ca_file="ca.crt")}),
    ("any client", {"tls_server_config": tls(client_auth_type="RequireAnyClientCert")}),
    ("if given", {"tls_server_config": tls(client_auth_type="VerifyClientCertIfGiven")}),
    ("asked", {"tls_server_config": tls(client_auth_type="RequestClientCert", client_ca_file="ca.crt")}),
    ("versions", {"tls_server_config": tls(min_version="TLS10", max_version="TLS13")}),
    ("suites", {"tls_server_config": tls(prefer_server_cipher_suites=False, cipher_suites=[
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
        *(f"TLS_ECDHE_{key}_WITH_{cipher}" for key in ("RSA", "ECDSA") for cipher in (
            "AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256", "AES_128_CBC_SHA", "AES_256_CBC_SHA"))])}),
    ("curves", {"tls_server_config": tls(curve_preferences=["CurveP256", "CurveP384", "CurveP521", "X25519"])}),
    ("empty lists", {"tls_server_config": tls(cipher_suites=[], curve_preferences=[])}),
    ("users", {"basic_auth_users": {"alice": ALICE, "bob": ALICE.replace("$2y", "$2a"), "7": SLOW}}),
    ("HTTP", {"http_server_config": {"http2": False}}),
    ("headers", {"http_server_config": {"http2": True, "headers": {
        "X-Frame-Options": "sameorigin", "X-Content-Type-Options": "nosniff", "X-XSS-Protection": "0",
        "Strict-Transport-Security": "max-age=1", "Content-Security-Policy": "default-src 'self'"}}}),
]
BAD = [
    ("unknown section", {"tls": {}}),
    ("unknown field", {"tls_server_config": tls(cert_filse="x")}),
    ("a word for a section", {"tls_server_config": "yes"}),
    ("a missing certificate", {"tls_server_config": {"cert_file": "none.crt", "key_file": "server.key"}}),
    ("a missing key", {"tls_server_config": {"cert_file": "server.crt", "key_file": "none.key"}}),
    ("no key", {"tls_server_config": {"cert_file": "server.crt"}}),
    ("no certificate", {"tls_server_config": {"key_file": "server.key"}}),
    ("an empty name", {"tls_server_config": {"cert_file": "", "key_file": "server.key"}}),
    ("another's key", {"tls_server_config": {"cert_file": "server.crt", "key_file": "client.key"}}),
    ("no PEM", {"tls_server_config": {"cert_file": "web.yml", "key_file": "server.key"}}),
    ("key for certificate", {"tls_server_config": {"cert_file": "server.key", "key_file": "server.crt"}}),
    ("a type", {"tls_server_config": tls(client_auth_type="Sometimes")}),
    ("a CA for nobody", {"tls_server_config": tls(client_ca_file="ca.crt")}),
    ("a missing CA", {"tls_server_config": tls(client_auth_type="RequireAndVerifyClientCert", client_ca_file="none")}),
    ("a version", {"tls_server_config": tls(min_version="TLS111")}),
    ("a suite", {"tls_server_config": tls(cipher_suites=["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048"])}),
    ("a broken suite", {"tls_server_config": tls(cipher_suites=["TLS_RSA_WITH_RC4_128_SHA"])}),
    ("a curve", {"tls_server_config": tls(curve_preferences=["CurveP257"])}),
    ("a switch", {"tls_server_config": tls(prefer_server_cipher_suites="perhaps")}),
    ("a header", {"http_server_config": {"headers": {"Server": "x"}}}),
    ("a header's value", {"http_server_config": {"headers": {"X-Frame-Options": "DENY"}}}),
    ("another's value", {"http_server_config": {"headers": {"X-Content-Type-Options": ""}}}),
    ("a plain password", {"basic_auth_users": {"alice": "secret"}}),
    ("no password", {"basic_auth_users": {"alice": None}}),
    ("a list of users", {"basic_auth_users": ["alice"]}),
]
# Good here and unknown to Debian's promtool (2.42), which is older than these fields.
NEWER = [
    ("names of clients", {"tls_server_config": tls(**MUTUAL, client_allowed_sans=["prometheus.example"])}),
    ("a limit", {"rate_limit": {"interval": "1s", "burst": 5}}),
    ("a limit that is none", {"rate_limit": {"interval": 0, "burst": 0}}),
]
# Bad here, good for promtool: less protection than it looks like, or nobody could ever connect (docs/WEB.md).
STRICTER = [
    ("TLS without a pair", {"tls_server_config": {"min_version": "TLS13"}}),
    ("verified by whom?", {"tls_server_config": tls(client_auth_type="RequireAndVerifyClientCert")}),
    ("a CA without certificates", {"tls_server_config": tls(client_auth_type="RequireAndVerifyClientCert",
                                                            client_ca_file="web.yml")}),
    ("no version left", {"tls_server_config": tls(min_version="TLS13", max_version="TLS12")}),
    ("no forward secrecy", {"tls_server_config": tls(cipher_suites=["TLS_RSA_WITH_AES_128_GCM_SHA256"])}),
    ("a name with a colon", {"basic_auth_users": {"a:b": ALICE}}),
    ("a hash that takes minutes", {"basic_auth_users": {"a": ALICE.replace("$04$", "$20$")}}),
    ("a header of two lines", {"http_server_config": {"headers": {"X-XSS-Protection": "0\r\nX: y"}}}),
]


class Checking(unittest.TestCase):
    """`--web.config.check` beside `promtool check web-config`."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        authority = Authority(self.directory)
        authority.issue("server")
        authority.issue("client")

    def run_both(self, text):
        """(whether we take it, whether promtool does, our output)."""
        path = self.directory / "web.yml"
        path.write_text(text, encoding="utf-8")
        ours = subprocess.run([support.binary("plimsoll"), "agent", "--web.config.file", path, "--web.config.check"],
                              capture_output=True, text=True, check=False)
        theirs = subprocess.run([support.tool("promtool"), "check", "web-config", path], capture_output=True, check=False)
        self.assertIn(ours.returncode, (0, 1), ours.stderr)
        if ours.returncode == 1:
            self.assertEqual(ours.stderr.count("\n"), 1, ours.stderr)
            self.assertIn("web.yml", ours.stderr)
            self.assertEqual(ours.stdout, "")
        return ours.returncode == 0, theirs.returncode == 0, ours.stdout + ours.stderr

    def compare(self, table, ours, theirs):
        for what, sections in table:
            with self.subTest(what):
                taken, taken_there, output = self.run_both(config(**sections))
                self.assertEqual((taken, taken_there), (ours, theirs), output)

    def test_both_take_what_is_good(self):
        self.compare(GOOD, True, True)

    def test_both_refuse_what_is_bad(self):
        self.compare(BAD, False, False)

    def test_exceptions(self):
        self.compare(NEWER, True, False)
        self.compare(STRICTER, False, True)

    def test_text_that_is_no_configuration(self):
        for text in ("words", "a: [", "a: 1\na: 2", "- 1", "basic_auth_users: {a: *b}", "{" * 100):
            taken, taken_there, output = self.run_both(text)
            self.assertEqual((taken, taken_there), (False, False), text + output)

    def test_the_documentation(self):
        text = (support.REPOSITORY / "docs/WEB.md").read_text(encoding="utf-8")
        example = re.search(r"```yaml\n(tls_server_config:.*?)```", text, re.S)[1].replace("clients-ca.crt", "ca.crt")
        self.assertTrue(self.run_both(example)[0])

    def test_a_bad_file_is_no_start(self):
        path = self.directory / "web.yml"
        for text, expected in (("x: 1", "web.yml: line 1: unknown field 'x'"), (None, "No such file")):
            path.unlink(missing_ok=True)
            if text:
                path.write_text(text, encoding="utf-8")
            done = subprocess.run([support.binary("plimsoll"), "agent", "--web.listen-address=127.0.0.1:0",
                                   "--web.config.file", path], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(expected, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
