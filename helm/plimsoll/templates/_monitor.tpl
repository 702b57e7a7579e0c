{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/*
Endpoints of a ServiceMonitor and of a PodMonitor are alike.

Pods, namespaces and containers on the series are those that are watched (honorLabels). The target's own, which the
operator would put wherever a series has none, are dropped: else the node's root group would count as usage of the
agent's pod. `instance` is the node, since addresses of pods change.
*/}}

{{- define "plimsoll.endpoints" -}}
{{- if .Values.kubePrometheus.compat }}
{{- $cadvisor := dict "path" "/metrics/cadvisor" "job" "kubelet" "metricsPath" "/metrics/cadvisor" "drop" "plimsoll_.*" }}
{{- $node := dict "path" "/metrics/node" "job" "node-exporter" "own" true }}
{{- $self := dict "path" "/metrics" "job" .Values.serviceMonitor.job "names" (list "plimsoll_.*" "process_.*") }}
{{- /* How a collection went is on every page, whatever is asked for. */}}
{{- $_ := set $self "keep" (join "|" $self.names) }}
{{- range list $cadvisor $node $self }}
{{- include "plimsoll.endpoint" (merge . (dict "root" $)) }}
{{- end }}
{{- else }}
{{- include "plimsoll.endpoint" (dict "root" . "path" "/metrics" "job" .Values.serviceMonitor.job) }}
{{- end }}
{{- end }}

{{/* "own": keep the labels of the agent's pod, which the mixins' node rules join with kube_pod_info. */}}
{{- define "plimsoll.endpoint" -}}
{{- $monitor := .root.Values.serviceMonitor }}
{{- $scheme := include "plimsoll.scheme" .root }}
- port: metrics
  path: {{ .root.Values.agent.routePrefix }}{{ .path }}
  scheme: {{ $scheme }}
  honorLabels: true
  {{- with $monitor.interval }}
  interval: {{ . }}
  {{- end }}
  {{- with $monitor.scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- with .names }}
  params:
    "name[]":
      {{- toYaml . | nindent 6 }}
  {{- end }}
  {{- if eq $scheme "https" }}
  tlsConfig:
    {{- toYaml (default (dict "insecureSkipVerify" true) $monitor.tlsConfig) | nindent 4 }}
  {{- end }}
  {{- with $monitor.basicAuth }}
  basicAuth:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  relabelings:
    - action: replace
      sourceLabels: [__meta_kubernetes_pod_node_name]
      targetLabel: instance
    - action: replace
      sourceLabels: [__meta_kubernetes_pod_node_name]
      targetLabel: node
    - action: replace
      replacement: {{ .job }}
      targetLabel: job
    {{- with .metricsPath }}
    - action: replace
      replacement: {{ . }}
      targetLabel: metrics_path
    {{- end }}
    {{- if not .own }}
    - action: labeldrop
      regex: namespace|pod|container|service|endpoint
    {{- end }}
    {{- with $monitor.relabelings }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .keep .drop $monitor.metricRelabelings (not .root.Values.host.network) }}
  metricRelabelings:
    {{- if not .root.Values.host.network }}
    # Without the node's network the agent's host name is the pod's.
    - action: replace
      sourceLabels: [__name__, node]
      regex: node_uname_info;(.+)
      targetLabel: nodename
      replacement: $1
    {{- end }}
    {{- with .keep }}
    - action: keep
      sourceLabels: [__name__]
      regex: {{ . }}
    {{- end }}
    {{- with .drop }}
    - action: drop
      sourceLabels: [__name__]
      regex: {{ . }}
    {{- end }}
    {{- with $monitor.metricRelabelings }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
