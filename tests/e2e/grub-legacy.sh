#!/bin/bash
# GRUB legacy and sysvinit on an IDE disk: does not boot on virtio before; converted it reaches its runlevel, with eth0.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot grub-legacy
