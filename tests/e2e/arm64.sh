#!/bin/bash
# An arm64 guest, converted on whatever this machine is: it does not boot on virtio before, and does after, with its mounts, its
# interface name and its static address, from a blank NVRAM.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot arm64
