# shellcheck shell=bash
# Tests: each part runs in a process of its own and leaves its results in build/reports/PART/ as JUnit XML
# (pytest, Meson) or TAP (everything else); dev.d/report.py counts them.

reports=$build/reports
# The longest first: one part more than there are cores runs at a time, since most tests wait for processes.
all_parts=(sanitize compose python unit conformance cli interop faults fuzz lint)

verb_test() {
    local part
    for part; do
        [[ " ${all_parts[*]} " == *" $part "* ]] || die "there is no part '$part'; the parts are: ${all_parts[*]}"
    done
    local parts=("${all_parts[@]}")
    [ $# -eq 0 ] || parts=("$@")

    need_test_setup
    need_pictures
    rm -rf "$reports"
    mkdir -p "$reports"
    say "test: building with coverage, in build/test"
    meson_in "$build/test" -Dwerror=true -Db_coverage=true -Dbench=true
    find "$build/test" -name '*.gcda' -delete
    rm -rf "$build/coverage"
    mkdir -p "$build/coverage"
    install_package "$venv"
    install_package "$build/venv-debian"

    say "test: ${parts[*]}"
    for part in "${parts[@]}"; do
        while [ "$(jobs -rp | wc -l)" -gt "$jobs" ]; do wait -n || true; done
        run_part "$part" &
    done
    wait
    local status=0
    [ $# -gt 0 ] || coverage || status=1
    "$venv/bin/python" dev.d/report.py "$reports" "${parts[@]}" || status=1
    return $status
}

run_part() {
    local part=$1 folder=$reports/$1 began=$SECONDS
    mkdir -p "$folder"
    if ("part_$part") </dev/null >"$folder/log" 2>&1; then echo 0; else echo 1; fi >"$folder/status"
    "$venv/bin/python" dev.d/report.py --one "$reports" "$part" "$((SECONDS - began))"
}

# check NAME COMMAND...: one test of a part that is no test suite.
check() {
    local name=$1 status=0
    shift
    echo "-- $name: $*"
    "$@" || status=1
    if [ $status = 0 ]; then echo "ok - $name"; else echo "not ok - $name"; fi >"$folder/${name//[^A-Za-z0-9]/-}.tap"
    return $status
}

# suite BUILD NAME FOLDER...: pytest over folders, with the command of a build folder.
suite() {
    local c=$1 name=$2 python=("$venv/bin/coverage" run --rcfile tests/coverage.ini)
    shift 2
    [ "$c" = "$build/test" ] || python=("$venv/bin/python")
    FRAMEWIRE=$c/cmd/framewire/framewire FRAMEWIRE_BUILD=$c FRAMEWIRE_PICTURES=$build/pictures \
        PATH=$c/cmd/framewire:$venv/bin:$PATH FRAMEWIRE_COVERAGE=$build/coverage/data \
        "${python[@]}" -m pytest -q -n "$jobs" --timeout 300 \
        -p no:cacheprovider --junit-xml "$folder/$name.xml" "$@"
}

units() {
    local c=$1 name=$2 status=0
    shift 2
    meson test -C "$c" --no-rebuild --num-processes "$jobs" --print-errorlogs "$@" || status=1
    cp "$c/meson-logs/testlog.junit.xml" "$folder/$name.xml"
    return $status
}

part_unit() { units "$build/test" unit; }
part_conformance() { suite "$build/test" conformance tests/conformance; }
part_cli() { suite "$build/test" cli tests/cli; }
part_interop() { suite "$build/test" interop tests/interop; }
# They wait more than they work: more at a time than there are cores.
part_faults() { suite "$build/test" faults -n 6 tests/faults; }
part_compose() { suite "$build/test" compose -n 0 --timeout 900 tests/compose; }

part_python() {
    local status=0
    suite "$build/test" newest tests/python || status=1
    # Again with Debian's own Python packages, the versions that are the floor, and with nothing that is compiled.
    FRAMEWIRE_PURE=1 "$build/venv-debian/bin/python" -m pytest -q -n "$jobs" --timeout 300 -p no:cacheprovider -o junit_suite_name=floor \
        --junit-xml "$folder/floor.xml" tests/python || status=1
    return $status
}

part_sanitize() {
    local status=0 findings=$folder/findings
    export CC=clang CXX=clang++
    meson_in "$build/asan" -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false || return 1
    # What a sanitizer finds goes to a file: a finding in a program that a test starts must not be missed.
    export ASAN_OPTIONS=log_path=$findings UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:log_path=$findings
    units "$build/asan" asan-unit --timeout-multiplier 4 || status=1
    # What is installed is checked without a sanitizer's runtime in it.
    suite "$build/asan" asan-suites tests/cli tests/interop tests/conformance --ignore tests/interop/test_install.py || status=1
    asan_python || status=1
    meson_in "$build/tsan" -Dwerror=true -Db_sanitize=thread -Db_lundef=false || return 1
    export TSAN_OPTIONS=log_path=$findings:suppressions=$root/tests/tsan.supp
    units "$build/tsan" tsan-unit --timeout-multiplier 4 || status=1
    check "no findings" no_findings "$findings" || status=1
    return $status
}

# What is compiled of the Python package, with the sanitizers' runtime loaded before Python.
asan_python() {
    local package=$build/asan/python runtime
    runtime=$(clang -print-file-name="libclang_rt.asan-$(uname -m).so")
    rm -rf "$package"
    mkdir -p "$package"
    cp -r python/framewire "$package"
    rm -f "$package"/framewire/*.so
    LDSHARED="clang -shared" CFLAGS="-fsanitize=address,undefined -O1 -g" \
        LDFLAGS="-fsanitize=address,undefined -shared-libasan" \
        "$venv/bin/python" -W ignore setup.py -q build_ext --force --build-lib "$package" --build-temp "$build/asan/temp" || return 1
    (
        export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH=$package LD_PRELOAD=$runtime
        suite "$build/asan" asan-python tests/python/test_turn.py tests/python/test_lane.py
    )
}

no_findings() {
    compgen -G "$1.*" >/dev/null || return 0
    head -60 "$1".*
    return 1
}

part_fuzz() { fuzz 10; }

verb_fuzz() {
    need_test_setup
    local folder=$reports/fuzz
    mkdir -p "$folder"
    fuzz "${1:-60}"
}

verb_soak() {
    verb_build
    need_test_setup
    meson_in "$build/test" -Dwerror=true -Db_coverage=true -Dbench=true
    local folder=$reports/soak
    mkdir -p "$folder"
    suite "$build/test" soak -n 0 --timeout 0 --soak "${1:-3600}" tests/faults/test_load.py -k soak
}

fuzz() {
    local seconds=$1 status=0 target
    CC=clang CXX=clang++ meson_in "$build/fuzz" -Dfuzz=true -Dtests=false -Db_sanitize=address,undefined -Db_lundef=false || return 1
    export seconds folder build UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    export -f check fuzz_one
    # shellcheck disable=SC2016 # expanded by the inner shell
    for target in "$build"/fuzz/tests/fuzz/fuzz_*; do
        if [ -x "$target" ] && [ -f "$target" ]; then echo "$target"; fi
    done | xargs -P "$jobs" -I {} bash -c 'check "${1##*/}" fuzz_one "$1"' - {} || status=1
    return $status
}

# fuzz_one TARGET: a crash, a leak, a hang or 1 GiB is a failure; the input that did it is kept in build/fuzz/found.
fuzz_one() {
    local name=${1##*/fuzz_} corpora=() each
    mkdir -p "$build/fuzz/corpus/$name" "$build/fuzz/found"
    for each in "$build/fuzz/corpus/$name" "$build/fuzz/tests/fuzz/seeds/$name" tests/fuzz/{seeds,found}/"$name"; do
        [ ! -d "$each" ] || corpora+=("$each")
    done
    "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$build/fuzz/found/$name-" "${corpora[@]}" >"$folder/$name.log" 2>&1 &&
        awk -v name="$name" '/number_of_executed_units/ { print name ": " $2 " inputs" }' "$folder/$name.log" && return
    grep -v '^#[0-9]' "$folder/$name.log" | tail -40
    return 1
}

part_lint() { lint; }

verb_lint() {
    need_test_setup
    local folder=$reports/lint
    mkdir -p "$folder"
    lint
}

c_files() { git ls-files '*.c' '*.h' '*.cpp'; }

lint() {
    local status=0
    c_files >"$build/c-files"
    check "clang-format" xargs -a "$build/c-files" clang-format --dry-run --Werror || status=1
    check "ruff check" "$venv/bin/ruff" check . || status=1
    check "ruff format" "$venv/bin/ruff" format --check . || status=1
    check "mypy" "$venv/bin/mypy" --strict python/framewire || status=1
    check "shellcheck" shellcheck -x -a dev .ci/run tests/unit/tap.sh || status=1
    return $status
}

# Lines of src/ and cmd/ by gcov, of python/ by coverage.py; both must reach 85 %.
coverage() {
    say "coverage"
    (
        cd "$build/test" || exit
        gcovr --root "$root" --filter "$root/src/" --gcov-executable gcov --exclude-throw-branches \
            --print-summary -j "$jobs" --json-summary "$reports/c.json" . >"$reports/c.txt" 2>&1
    ) || { tail -5 "$reports/c.txt"; return 1; }
    export FRAMEWIRE_COVERAGE=$build/coverage/data
    "$venv/bin/coverage" combine --quiet --rcfile tests/coverage.ini "$build/coverage" &&
        "$venv/bin/coverage" json --quiet --rcfile tests/coverage.ini -o "$reports/python.json" || return 1
    "$venv/bin/python" dev.d/report.py --coverage 85 "$reports"
}
