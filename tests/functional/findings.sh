#!/bin/bash
# Every finding that the program can make stands in docs/findings.md, and nothing else does.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh

made=$(grep -rhoE '"[BWI]-[A-Z0-9-]+[A-Z0-9]"' --include='*.c' core inspectors converters drivers-inject guest run sources | tr -d '"' | sort -u)
# shellcheck disable=SC2016  # Markdown's quotes
documented=$(sed -n 's/^| `\([BWI]-[A-Z0-9-]*\)`.*/\1/p' docs/findings.md | sort -u)
[ -n "$made" ] || fail "no finding found in the sources"
diff <(echo "$documented") <(echo "$made") || fail "docs/findings.md (<) and the sources (>) differ"
echo "$(wc -l <<< "$made") findings documented"
