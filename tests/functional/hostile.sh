#!/bin/bash
# Every hostile input of the catalogue (tests/support/hostile) is refused with its own message, in under 1 s and 256 MiB.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
PYTHONDONTWRITEBYTECODE=1 python3 tests/support/hostile/run.py "$PWD/rehost" "$work" "$@"
