#!/bin/bash
# A guest of Xen: xvda names, console and login on hvc0. Its own hardware can't be had here, so what comes up is compared with
# what its recipe says.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot xen
