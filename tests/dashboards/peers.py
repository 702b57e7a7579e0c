# SPDX-License-Identifier: Apache-2.0
"""Whom dashboards were written for: node_exporter and cAdvisor, and a stand-in for kube-state-metrics.

PLIMSOLL_NODE_EXPORTER, PLIMSOLL_CADVISOR = the programs; without the former Debian's node_exporter."""
import http.server
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import support  # noqa: E402

CADVISOR = os.environ.get("PLIMSOLL_CADVISOR")


class Peer(support.Server):
    """A program that serves metrics; PORT in its arguments is a free port."""

    def __init__(self, place, name, path, *arguments):
        port = support.free_port()
        super().__init__([word.replace("PORT", str(port)) for word in arguments], place.path / f"{name}.log")
        self.address = f"127.0.0.1:{port}"
        self.wait_ready(path)


def node_exporter(place):
    program = os.environ.get("PLIMSOLL_NODE_EXPORTER") or support.tool("prometheus-node-exporter")
    return place.start(Peer, "node_exporter", "/", program, "--web.listen-address=127.0.0.1:PORT")


def cadvisor(place, docker):
    return place.start(Peer, "cadvisor", "/healthz", CADVISOR, "-listen_ip=127.0.0.1", "-port=PORT",
                       f"-docker=unix://{docker.socket}", "-containerd=/nowhere", "-housekeeping_interval=1s",
                       "-allow_dynamic_housekeeping=false", "-storage_duration=10s")


class KubeStateMetrics:
    """What kube-state-metrics would say of pods {(namespace, pod): [container]}, each of a StatefulSet, all on one node:
    just the families that dashboards of containers join with. A stand-in: there is no API server here."""

    NODE = "node-1"

    def __init__(self, port, pods):
        body = "".join(f"{name}{{{labels}}} {value}\n" for name, labels, value in self.samples(pods)).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @classmethod
    def samples(cls, pods):
        node = f'node="{cls.NODE}"'
        yield "kube_node_info", node, 1
        yield "kube_node_status_condition", f'{node},condition="Ready",status="true"', 1
        for what, unit, value in (("cpu", "core", 2), ("memory", "byte", 8 << 30), ("pods", "integer", 110)):
            for kind in ("capacity", "allocatable"):
                yield f"kube_node_status_{kind}", f'{node},resource="{what}",unit="{unit}"', value
        for namespace in sorted({namespace for namespace, _ in pods}):
            yield "kube_namespace_status_phase", f'namespace="{namespace}",phase="Active"', 1
        for (namespace, pod), containers in pods.items():
            yield from cls.samples_of(f'namespace="{namespace}",pod="{pod}"', pod.rpartition("-")[0], containers)

    @classmethod
    def samples_of(cls, labels, owner, containers):
        owned = f'owner_kind="StatefulSet",owner_name="{owner}",owner_is_controller="true"'
        yield "kube_pod_info", f'{labels},node="{cls.NODE}",host_network="false",created_by_kind="StatefulSet"', 1
        yield "kube_pod_owner", f"{labels},{owned}", 1
        yield "kube_pod_status_phase", f'{labels},phase="Running"', 1
        for container in containers:
            for resource, unit, value in (("cpu", "core", 0.1), ("memory", "byte", 64 << 20)):
                more = f'{labels},container="{container}",node="{cls.NODE}",resource="{resource}",unit="{unit}"'
                yield "kube_pod_container_resource_requests", more, value
                yield "kube_pod_container_resource_limits", more, 2 * value
