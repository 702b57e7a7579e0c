{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "plimsoll.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "plimsoll.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "plimsoll.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "plimsoll.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "plimsoll.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "plimsoll.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* What the DaemonSet, the Service and the monitors select by; never changes between two versions. */}}
{{- define "plimsoll.selectorLabels" -}}
app.kubernetes.io/name: {{ include "plimsoll.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of an object: (dict "root" $ "labels" {}). Each key once: the chart's own, which things select by, before the rest. */}}
{{- define "plimsoll.labels" -}}
{{- $own := include "plimsoll.selectorLabels" .root | fromYaml }}
{{- $_ := set $own "app.kubernetes.io/component" "exporter" }}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") }}
{{- toYaml (merge $own (default dict .labels) .root.Values.commonLabels) }}
{{- end }}

{{/* metadata of an object: (dict "root" $ "suffix" "" "namespace" "" "labels" {} "annotations" {}) */}}
{{- define "plimsoll.metadata" -}}
name: {{ printf "%s%s" (include "plimsoll.fullname" .root) (default "" .suffix) }}
namespace: {{ default .root.Release.Namespace .namespace }}
labels:
  {{- include "plimsoll.labels" . | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "plimsoll.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* web.yml as the chart writes it: the values, with the TLS secret's files unless they say otherwise. */}}
{{- define "plimsoll.webConfig" -}}
{{- $config := deepCopy .Values.webConfig.config }}
{{- if and .Values.webConfig.tlsSecret (not (hasKey $config "tls_server_config")) }}
{{- $tls := dict "cert_file" "/etc/plimsoll/tls/tls.crt" "key_file" "/etc/plimsoll/tls/tls.key" }}
{{- if .Values.webConfig.clientCertificates }}
{{- $tls = merge $tls (dict "client_auth_type" "RequireAndVerifyClientCert" "client_ca_file" "/etc/plimsoll/tls/ca.crt") }}
{{- end }}
{{- $_ := set $config "tls_server_config" $tls }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "plimsoll.webSecretName" -}}
{{- if .Values.webConfig.existingSecret }}
{{- .Values.webConfig.existingSecret }}
{{- else if or .Values.webConfig.config .Values.webConfig.tlsSecret }}
{{- include "plimsoll.fullname" . }}-web
{{- end }}
{{- end }}

{{- define "plimsoll.scheme" -}}
{{- if .Values.webConfig.existingSecret }}
{{- .Values.webConfig.scheme }}
{{- else if or .Values.webConfig.tlsSecret .Values.webConfig.config.tls_server_config }}https
{{- else }}http
{{- end }}
{{- end }}

{{/*
The kubelet can speak TLS without looking at the certificate, and send headers; it has no certificate of its own. Where
users are asked for, the agent is asked from inside: one that wants a password is one that serves. Where nobody is
answered without a certificate, or the chart cannot know, all that can be seen is that the port is open.
*/}}
{{- define "plimsoll.probe" -}}
{{- $web := .root.Values.webConfig }}
{{- $tls := default dict $web.config.tls_server_config }}
{{- $required := list "RequireAnyClientCert" "RequireAndVerifyClientCert" }}
{{- $certificates := or $web.clientCertificates (has (get $tls "client_auth_type") $required) }}
{{- $path := printf "%s%s" .root.Values.agent.routePrefix .path }}
{{- $scheme := include "plimsoll.scheme" .root }}
{{- if or $certificates (and $web.existingSecret (not $web.probeHeaders)) }}
tcpSocket:
  port: metrics
{{- else if and $web.config.basic_auth_users (not $web.probeHeaders) }}
exec:
  {{- $address := default "127.0.0.1" .root.Values.agent.listenAddress }}
  command: [/usr/bin/plimsoll, healthcheck, "{{ $scheme }}://{{ $address }}:{{ .root.Values.agent.port }}{{ $path }}"]
{{- else }}
httpGet:
  path: {{ $path }}
  port: metrics
  scheme: {{ upper $scheme }}
  {{- with $web.probeHeaders }}
  httpHeaders:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
periodSeconds: {{ .root.Values.probes.period }}
timeoutSeconds: {{ .root.Values.probes.timeout }}
failureThreshold: {{ .root.Values.probes.failureThreshold }}
{{- end }}

{{/* What one value alone cannot tell to be wrong, hence not the schema either. */}}
{{- define "plimsoll.check" -}}
{{- $paths := list "path.procfs" "path.sysfs" "path.cgroupfs" "path.rootfs" }}
{{- $web := list "web.listen-address" "port" "listen_ip" "web.route-prefix" "url_base_prefix" "web.telemetry-path" "prometheus_endpoint" }}
{{- $own := concat $paths $web (list "config.file" "web.config.file") }}
{{- range .Values.agent.extraArgs }}
{{- $flag := regexFind "^[^=]+" (regexReplaceAll "^--?" . "") }}
{{- if has $flag $own }}
{{- fail (printf "agent.extraArgs: --%s is set by the chart itself: see agent, host and webConfig" $flag) }}
{{- end }}
{{- end }}
{{- if and .Values.webConfig.existingSecret (or .Values.webConfig.config .Values.webConfig.tlsSecret) }}
{{- fail "webConfig: existingSecret has its own web.yml: give neither config nor tlsSecret beside it" }}
{{- end }}
{{- if and .Values.webConfig.clientCertificates (not .Values.webConfig.tlsSecret) }}
{{- fail "webConfig.clientCertificates needs webConfig.tlsSecret, with the authority in its ca.crt" }}
{{- end }}
{{- if and .Values.webConfig.clientCertificates .Values.webConfig.config.tls_server_config }}
{{- fail "webConfig.clientCertificates: webConfig.config has a tls_server_config of its own: say client_auth_type there" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor and podMonitor are both on: every agent would be scraped twice" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}
{{- fail "serviceMonitor needs service.enabled; podMonitor does not" }}
{{- end }}
{{- if and .Values.kubePrometheus.compat (not (or .Values.serviceMonitor.enabled .Values.podMonitor.enabled)) }}
{{- fail "kubePrometheus.compat changes a monitor: turn serviceMonitor or podMonitor on" }}
{{- end }}
{{- if and .Values.host.wholeTree .Values.host.recursiveReadOnly (ne .Values.host.mountPropagation "None") }}
{{- fail "host.recursiveReadOnly needs host.mountPropagation None, or host.wholeTree false: Kubernetes refuses both together" }}
{{- end }}
{{- $held := and .Values.networkPolicy.enabled (not .Values.host.network) (not .Values.networkPolicy.egress) }}
{{- if and .Values.agent.config.remote_write $held }}
{{- fail "agent.config.remote_write: networkPolicy.egress lets the agent reach nobody: name the receiver and DNS there" }}
{{- end }}
{{- range .Values.agent.config.remote_write }}
{{- if or (dig "basic_auth" "password" "" .) (dig "authorization" "credentials" "" .) }}
{{- fail "agent.config.remote_write: a password would be readable in a ConfigMap: name a file (password_file, credentials_file) from extraVolumes" }}
{{- end }}
{{- end }}
{{- if and .Values.agent.config.remote_write (not .Values.state.enabled) }}
{{- fail "agent.config.remote_write needs a place for its queue: state.enabled" }}
{{- end }}
{{- end }}
