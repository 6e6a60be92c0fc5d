#!/bin/bash
# A test and its arguments: cmocka 1.1 says `not ok` of what it skips, which TAP takes for a failure.
set -o pipefail
"$@" | sed 's/^not ok \([0-9]* # SKIP\)/ok \1/'
