#!/usr/bin/env bash
# deploy/k8s/secrets.sh FOLDER: a Secret in the namespace for each folder in FOLDER, with a key for each of its files.
# `python -m deploy.passwords FOLDER` makes such a folder; what else a deployment has is a file beside. Done again it changes what changed.
set -euo pipefail

folder=${1:?the folder with a folder for each reader}
kubectl apply --server-side --filename "$(dirname "${BASH_SOURCE[0]}")/base/namespace.yaml"
for each in "$folder"/*/; do
  name=$(basename "$each")
  kubectl --namespace mailings create secret generic "$name" --from-file "$each" --dry-run=client --output yaml |
    kubectl apply --server-side --filename -
done
