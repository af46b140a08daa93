#!/usr/bin/env bash
# deploy/k8s/secrets.sh FOLDER: a Secret in the namespace for each folder in FOLDER, with a key for each of its files.
# `python -m deploy.passwords` (for the overlay dev) or `python -m deploy.operators` make such a folder; what else a service reads
# as a secret is a file beside, such as dispatcher/DISPATCHER_HTTP_GATEWAY_TOKEN. Done again it changes what has changed.
set -euo pipefail

folder=${1:?the folder with a folder for each reader}
kubectl apply --server-side --filename "$(dirname "${BASH_SOURCE[0]}")/base/namespace.yaml"
for each in "$folder"/*/; do
  name=$(basename "$each")
  type=Opaque
  [[ -e $each/username ]] && type=kubernetes.io/basic-auth # as the operator of PostgreSQL wants it
  kubectl --namespace mailings create secret generic "$name" --type "$type" --from-file "$each" --dry-run=client --output yaml |
    kubectl apply --server-side --filename -
done
