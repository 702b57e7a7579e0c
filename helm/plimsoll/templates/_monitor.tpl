{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/*
Endpoints of a ServiceMonitor and of a PodMonitor are alike.

Pods, namespaces and containers on the series are those that are watched (honorLabels). The target's own, which the
operator would put wherever a series has none, are dropped: else the node's root group would count as usage of the
agent's pod. `instance` is the node, since addresses of pods change.
*/}}

{{- define "plimsoll.endpoints" -}}
{{- if .Values.kubePrometheus.compat }}
{{- $cadvisor := dict "root" . "path" "/metrics/cadvisor" "job" "kubelet" "metricsPath" "/metrics/cadvisor" "own" false "drop" "plimsoll_.*" }}
{{- $node := dict "root" . "path" "/metrics/node" "job" "node-exporter" "own" true }}
{{- $self := dict "root" . "path" "/metrics" "job" .Values.serviceMonitor.job "own" true "names" (list "plimsoll_.*" "process_.*") }}
{{- include "plimsoll.endpoint" $cadvisor }}
{{- include "plimsoll.endpoint" $node }}
{{- include "plimsoll.endpoint" $self }}
{{- else }}
{{- include "plimsoll.endpoint" (dict "root" . "path" "/metrics" "job" .Values.serviceMonitor.job "own" false) }}
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
  {{- if or .drop $monitor.metricRelabelings }}
  metricRelabelings:
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
