#!/bin/bash
# The pages of reports in headless Chromium: sorted, filtered, opened, by mouse and by keyboard alone, light, dark, narrow, printed,
# without JavaScript; no console error, no request, no word of a report that runs; names, headings and contrast.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
command -v chromedriver > /dev/null || skip "needs chromium-driver"
scratch

tests/support/phony_reports.py "$work"
for page in job running web01; do
	./rehost report "$work/$page" --html "$work/$page.html"
done
python3 tests/batch/browser.py "$work"
