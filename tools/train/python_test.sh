#!/usr/bin/env bash
# Runs one of the Python tests beside this file in the source tree, with the program of this build.
set -euo pipefail
KINGLET=$(realpath kinglet)
export KINGLET
cd "$(dirname "$(realpath README.md)")/tools/train"
PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 -m unittest "$1"
