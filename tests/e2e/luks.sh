#!/bin/bash
# Root on LUKS under a name that only crypttab knows: fails on virtio before; converted with its passphrase it boots.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot luks
