# SPDX-License-Identifier: Apache-2.0
"""A machine with something on it to look at: two agents, containers of every sort, a real Prometheus that scrapes them.

    live = Live()                   # a unittest.SkipTest names what is not here
    live.prometheus.query("up")     # answers as soon as live.wait(seconds) has returned
    live.close()

`agent` has every kind of metric on, `plain` those that are on by default; they are targets of one job. `paper` shows a
machine on paper (paper.py) and is a job of its own. Another scrape configuration, rule files and flags can be given;
{agent}, {plain} and {paper} in the former stand for the addresses.

Containers, by `name`:
  busy      above its CPU quota, near its memory limit, writes to a disk, has a network with traffic
  failed    has ended with exit code 3            quick     ended before it could be scraped
  bloated   has ended, killed for want of memory
  flaky     Docker's: restarted four times, unhealthy
  leaky     Docker's: its children are killed for want of memory
  printed   on the machine on paper: cgroup v2
and the pods shop/web-0 (app, and a sidecar that was killed for want of memory and made anew), shop/web-1 (app) and
infra/dns-0 (dns).
"""
import http.client
import json
import os
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import engines  # noqa: E402
import grafana  # noqa: E402
import paper  # noqa: E402
import stage  # noqa: E402
import support  # noqa: E402

JOB = "plimsoll"
LOAD = "/bin/plimsoll-load"
BUSYBOX = "/bin/busybox"
EVERY_KIND = ("--enable_metrics=advtcp,cpu,cpuLoad,cpuset,delays,disk,diskIO,hugetlb,memory,memory_numa,network,oom_event,"
              "percpu,pids,pressure,process,sched,sockets,tcp,udp")
BUSY = (f"{BUSYBOX} dd if=/dev/zero of=/data/in bs=64k count=32 2>/dev/null; {LOAD} memory 50331648 1000 & "
        f"while :; do {LOAD} spin 40; {BUSYBOX} dd if=/dev/zero of=/data/out bs=64k count=8 oflag=direct 2>/dev/null; "
        f"{BUSYBOX} dd if=/data/in of=/dev/null bs=64k count=8 iflag=direct 2>/dev/null; done")
SLOW_WRITER = "while :; do busybox dd if=/dev/zero of=%s/dns bs=64k count=1 oflag=direct; busybox sleep 0.3; done"
SPIN = "while :; do :; done"
# The agents as one job, one of them in a cluster; one of them also as two jobs, a half each.
SCRAPES = [
    {"job_name": JOB, "static_configs": [{"targets": ["{agent}"]},
                                         {"targets": ["{plain}"], "labels": {"cluster": "berlin"}}]},
    {"job_name": "paper", "static_configs": [{"targets": ["{paper}"]}]},
    {"job_name": "half-node", "metrics_path": "/metrics/node", "static_configs": [{"targets": ["{plain}"]}]},
    {"job_name": "half-cadvisor", "metrics_path": "/metrics/cadvisor", "static_configs": [{"targets": ["{plain}"]}]}]
PODS = (("shop", "web-0"), ("shop", "web-1"), ("infra", "dns-0"))


class Prometheus(support.Prometheus):
    """With any configuration, and a receiver of remote write."""

    def __init__(self, place, configuration, port, flags=()):
        directory = place.path / f"prometheus-{time.monotonic_ns()}"
        directory.mkdir()
        (directory / "config.yml").write_text(json.dumps(configuration))  # JSON is YAML
        support.Server.__init__(self, [
            support.tool("prometheus"), f"--config.file={directory}/config.yml", "--web.enable-remote-write-receiver",
            f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
            *flags], directory / "log")
        self.address = f"127.0.0.1:{port}"
        self.wait_ready("/-/ready")
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60 * support.TIME_FACTOR)

    def api(self, path, **parameters):
        """As the parent's, by a connection that is kept: a thousand questions take a third of the time."""
        self.connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(self.connection.getresponse().read())
        if answer["status"] != "success":
            raise AssertionError(f"{path} {parameters}: {answer['error']}")
        return answer["data"]


class Live:
    job = JOB

    def __init__(self, scrape_configs=None, rule_files=(), agent_flags=(), interval=grafana.SCRAPES):
        """`scrape_configs`: Prometheus' own, instead of one job with both agents."""
        self.place = support.Workspace()
        self.closing, self.load = threading.Event(), threading.Thread(target=self.make_load, daemon=True)
        try:
            self.start_containers()
            self.start_agents(agent_flags)
            self.end_containers()
            self.start_prometheus(scrape_configs, rule_files, interval)
        except BaseException:
            self.close()
            raise

    def close(self):
        self.closing.set()
        if self.load.is_alive():
            self.load.join()
        self.place.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def container_name(namespace, pod, container, instance=0):
        """The label `name` of a pod's container."""
        return stage.identifier(namespace, pod, container, str(instance))

    # --- what there is to see ---

    def start_containers(self):
        place = self.place
        self.data = data = place.disk_directory()
        place.run("-d", "--name", "busy", "--image", "busybox", "--cpus", "0.2", "-m", "64m", "--pids-limit", "50",
                  "--network", "veth", "-v", f"{data}:/data", command=["/bin/sh", "-c", BUSY])
        self.kubernetes = place.start(stage.Kubernetes)
        self.start_pods()
        self.docker = place.start(stage.Docker)
        self.flaky = self.docker.add_container("flaky", BUSYBOX, "sleep", 1000, restarts=4, healthy=False)
        self.docker.add_container("leaky", BUSYBOX, "sleep", 1000, restarts=0, healthy=True)
        self.leaky = (self.docker, self.docker.group("leaky"))

    def start_pods(self):
        shell = [support.tool("busybox"), "sh", "-c"]
        sandboxes = {pod: self.kubernetes.add_pod(*pod) for pod in PODS}
        add = self.kubernetes.add_container
        add(sandboxes[PODS[0]], *PODS[0], "app", *shell, SPIN, cpus=0.05, memory=32 << 20)
        self.first_sidecar = add(sandboxes[PODS[0]], *PODS[0], "sidecar", support.tool("busybox"), "sleep", 1000)
        add(sandboxes[PODS[1]], *PODS[1], "app", support.tool("busybox"), "sleep", 1000, memory=16 << 20)
        add(sandboxes[PODS[2]], *PODS[2], "dns", *shell, SLOW_WRITER % self.data)
        self.sandboxes = sandboxes
        self.networks = [engines.connect(self.place, sandbox.pid) for sandbox in sandboxes.values()]

    def restart_sidecar(self):
        self.kubernetes.end_container(self.first_sidecar, *PODS[0], "sidecar", exit_code=137, reason="OOMKilled")
        self.kubernetes.add_container(self.sandboxes[PODS[0]], *PODS[0], "sidecar", support.tool("busybox"), "sleep", 1000,
                                      instance=1)

    def start_agents(self, flags):
        engines_here = [*self.kubernetes.agent_flags(), *self.docker.agent_flags()]
        self.prometheus_port = support.free_port()
        config = self.place.path / "agent.yml"
        config.write_text(json.dumps({"remote_write": [{
            "url": f"http://127.0.0.1:{self.prometheus_port}/api/v1/write", "job": "pushed",
            "interval": f"{3 * grafana.SCRAPES}s", "queue_directory": str(self.place.path / "queue")}]}))
        self.agent = self.place.start_agent(EVERY_KIND, "--docker_only", "--config.file", str(config), *engines_here, *flags)
        self.plain = self.place.start_agent(*engines_here, *flags)
        self.machine = paper.Paper(self.place.path / "paper", "printed", self.flaky.pid)
        self.paper = self.place.start_agent(EVERY_KIND, *self.machine.agent_flags(), *flags)

    def end_containers(self):
        run = self.place.run
        run("--rm", "--name", "failed", command=["/bin/sh", "-c", "exit 3"], check=False)
        run("--rm", "--name", "bloated", "-m", "8m", command=[LOAD, "memory", "67108864", "9"], check=False)
        run("--rm", "--name", "quick", command=["/bin/true"])
        self.agent.metrics()  # it knows the sidecar now, and will know of its end
        self.plain.metrics()
        self.restart_sidecar()

    def start_prometheus(self, scrape_configs, rule_files, interval):
        jobs = scrape_configs or SCRAPES
        text = json.dumps({"global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s",
                                      "evaluation_interval": f"{interval}s"},
                           "scrape_configs": jobs, "rule_files": list(map(str, rule_files))})
        for name, agent in (("{agent}", self.agent), ("{plain}", self.plain), ("{paper}", self.paper)):
            text = text.replace(name, agent.address)
        self.prometheus = self.place.start(Prometheus, json.loads(text), self.prometheus_port)
        self.began = time.monotonic()
        self.load.start()

    # --- while it is looked at ---

    def wait(self, seconds, scrapes=6):
        """Until Prometheus has scraped for `seconds`, and every target `scrapes` times."""
        def scraped():
            count = self.prometheus.value("min(count_over_time(up[5m]))")
            return time.monotonic() - self.began >= seconds and count is not None and count >= scrapes
        support.wait_until(f"{scrapes} scrapes", scraped, timeout=seconds + 60, interval=0.3)

    def make_load(self):
        """Traffic into the pods, a process that is killed for want of memory, time on paper: until close()."""
        docker, group = self.leaky
        while not self.closing.wait(0.5):
            self.machine.tick(int(10 * (time.monotonic() - self.began)))
            for address in self.networks:
                engines.ping(address, count=2)
            docker.start(group, support.binary("plimsoll-load"), "memory", 32 << 20, 5, memory=12 << 20).wait(60)
