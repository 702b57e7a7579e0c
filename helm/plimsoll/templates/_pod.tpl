{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* The agent's flags, and what of the node it sees: whatever is at PATH there is at /host/PATH here. */}}

{{- define "plimsoll.args" -}}
{{- $agent := .Values.agent -}}
{{- if not .Values.state.enabled }}
- --root=/host{{ default "/var/lib/plimsoll" $agent.engines.plimsollRoot }}
{{- end }}
- --runroot=/host{{ default "/run/plimsoll" $agent.engines.plimsollRunroot }}
- agent
- --web.listen-address={{ $agent.listenAddress }}:{{ $agent.port }}
- --path.rootfs=/host
- --path.procfs=/host/proc
- --path.sysfs=/host/sys
- --path.cgroupfs=/host/sys/fs/cgroup
- --log.level={{ $agent.logLevel }}
- --log.format={{ $agent.logFormat }}
{{- with $agent.routePrefix }}
- --web.route-prefix={{ . }}
{{- end }}
{{- if $agent.config }}
- --config.file=/etc/plimsoll/config/plimsoll.yml
{{- end }}
{{- if include "plimsoll.webSecretName" . }}
- --web.config.file=/etc/plimsoll/web/web.yml
{{- end }}
{{- if not .Values.host.wholeTree }}
# Of file systems that are not mounted here the size is that of another one.
- --no-collector.filesystem
{{- else if $agent.mountPointsExclude }}
- {{ printf "--collector.filesystem.mount-points-exclude=%s" $agent.mountPointsExclude | quote }}
{{- end }}
{{- if not .Values.host.network }}
# The kernel shows the table of who asks, whatever proc he reads: the pod's own is not the node's.
- --no-collector.conntrack
{{- end }}
{{- with $agent.netDevicesExclude }}
- {{ printf "--collector.netdev.device-exclude=%s" . | quote }}
- {{ printf "--collector.netclass.ignored-devices=%s" . | quote }}
{{- end }}
{{- with $agent.textfileDirectory }}
- {{ printf "--collector.textfile.directory=/host%s" . | quote }}
{{- end }}
{{- $containerd := dict "path.containerd-state" $agent.engines.containerdState "path.containerd-root" $agent.engines.containerdRoot }}
{{- $storage := dict "path.podman-root" $agent.engines.storageRoot "path.podman-runroot" $agent.engines.storageRunroot }}
{{- range $flag, $path := merge (dict "path.docker-root" $agent.engines.dockerRoot) $containerd $storage }}
{{- if $path }}
- {{ printf "--%s=%s" $flag $path | quote }}
{{- end }}
{{- end }}
{{- range $agent.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{/* Paths of the node that are mounted, as a YAML list: either all in one, or one by one. */}}
{{- define "plimsoll.hostPaths" -}}
{{- if .Values.host.wholeTree }}
{{- toYaml (list "/") }}
{{- else }}
{{- toYaml (concat (list "/proc" "/sys") .Values.host.paths (compact (list .Values.agent.textfileDirectory)) | uniq) }}
{{- end }}
{{- end }}

{{- define "plimsoll.volumeMounts" -}}
{{- $host := .Values.host -}}
{{- range $index, $path := include "plimsoll.hostPaths" . | fromYamlArray }}
- name: host-{{ $index }}
  mountPath: {{ printf "/host%s" $path | trimSuffix "/" }}
  readOnly: true
  {{- if $host.wholeTree }}
  mountPropagation: {{ $host.mountPropagation }}
  {{- end }}
  {{- with $host.recursiveReadOnly }}
  recursiveReadOnly: {{ . }}
  {{- end }}
{{- end }}
{{- if .Values.agent.config }}
- name: config
  mountPath: /etc/plimsoll/config
  readOnly: true
{{- end }}
{{- if include "plimsoll.webSecretName" . }}
- name: web
  mountPath: /etc/plimsoll/web
  readOnly: true
{{- end }}
{{- if .Values.webConfig.tlsSecret }}
- name: tls
  mountPath: /etc/plimsoll/tls
  readOnly: true
{{- end }}
{{- if .Values.state.enabled }}
- name: state
  mountPath: /var/lib/plimsoll
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "plimsoll.volumes" -}}
{{- range $index, $path := include "plimsoll.hostPaths" . | fromYamlArray }}
- name: host-{{ $index }}
  hostPath:
    path: {{ $path }}
{{- end }}
{{- if .Values.agent.config }}
- name: config
  configMap:
    name: {{ include "plimsoll.fullname" . }}
{{- end }}
{{- with include "plimsoll.webSecretName" . }}
- name: web
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .Values.webConfig.tlsSecret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if .Values.state.enabled }}
- name: state
  {{- if .Values.state.hostPath }}
  hostPath:
    path: {{ .Values.state.hostPath }}
    type: Directory
  {{- else }}
  emptyDir:
    sizeLimit: {{ .Values.state.sizeLimit }}
  {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
