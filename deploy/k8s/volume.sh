#!/usr/bin/env bash
# deploy/k8s/volume.sh save|load CLAIM USER [IMAGE]: the files of a volume as a tar archive, to the output or from the input.
# Nothing else may use the volume meanwhile. USER is the number of the account that the files belong to. What was there goes at `load`.
set -euo pipefail

what=${1:?save or load} claim=${2:?the claim of the volume} user=${3:?whose files they are} image=${4:-mailings:dev}
case $what in
  save) command="cd /volume && find . -mindepth 1 -maxdepth 1 -print0 | tar --null --files-from - -c" ;; # its root is not theirs
  load) command="find /volume -mindepth 1 -delete && tar -C /volume -x --preserve-permissions" ;;
  *) echo "volume.sh: save or load" >&2 && exit 2 ;;
esac
here=(kubectl --namespace mailings)
pod=volume-$claim
trap '"${here[@]}" delete pod "$pod" --now --wait >&2' EXIT
"${here[@]}" apply --filename - >&2 <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $pod}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: $user, runAsGroup: $user, fsGroup: $user, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: tar
      image: $image
      command: [sleep, infinity]
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: volume, mountPath: /volume}]
  volumes: [{name: volume, persistentVolumeClaim: {claimName: $claim}}]
YAML
"${here[@]}" wait --for=condition=Ready "pod/$pod" --timeout=120s >&2
"${here[@]}" exec --stdin "$pod" -- sh -c "$command"
