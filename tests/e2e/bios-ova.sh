#!/bin/bash
# The bios sample of VMware does not boot on virtio before; converted it does, with its mounts, its interface name and its
# static address, and systemd says "running".
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot web01
