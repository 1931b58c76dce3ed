#!/bin/bash
# Two disks on two controllers with a volume group across both, which the source lists the other way round than the guest
# names them: mounts, LVM's filter and the disk to start from follow the content.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot two-disks
