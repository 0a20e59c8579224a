{{- define "tutor.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "tutor.labels" -}}
{{ include "tutor.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "tutor.selector" -}}
app.kubernetes.io/name: talking-tutor
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* How many engines there may ever be: each has a service and a path of its own. */ -}}
{{- define "tutor.engines" -}}
{{ if eq .Values.autoscaling.kind "none" }}{{ .Values.replicas }}{{ else }}{{ .Values.autoscaling.maxReplicas }}{{ end }}
{{- end }}
