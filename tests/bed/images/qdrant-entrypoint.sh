#!/bin/sh
# Read Qdrant's variables, start our server. It takes its key from a file, Qdrant from the environment.
set -eu
umask 077
: "${QDRANT__SERVICE__API_KEY:?this stand-in serves nobody without a key}"
printf '%s' "$QDRANT__SERVICE__API_KEY" > /tmp/key
unset QDRANT__SERVICE__API_KEY
export SERVICE_API_KEY_FILE=/tmp/key SERVICE_HOST=0.0.0.0 SERVICE_PORT="${QDRANT__SERVICE__HTTP_PORT:-6333}"
export VECTORDB_DATA_DIR=/qdrant/storage
exec python -m aisuite.services.vectordb
