#!/bin/bash
# btrfs subvolumes and systemd-boot: fails on virtio before, boots after.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot btrfs
