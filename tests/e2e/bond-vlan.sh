#!/bin/bash
# Two cards in a bond and a VLAN over it: both keep their names and the bond, and it and the VLAN their addresses.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
scratch
convert_and_boot bond-vlan
