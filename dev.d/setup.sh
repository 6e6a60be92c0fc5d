# shellcheck shell=bash
# What the machine needs: Debian packages, a virtual environment, pictures. All idempotent.

packages_build=(
    gcc libc6-dev meson ninja-build pkg-config libzmq3-dev libczmq-dev libmsgpack-dev libjpeg-dev libspng-dev
    libtiff-dev libmicrohttpd-dev python3 python3-dev python3-venv ca-certificates dpkg-dev)
packages_test=(
    git g++ clang llvm libclang-rt-14-dev clang-format gcovr libcmocka-dev libpng-dev shellcheck man-db bash-completion
    file procps python3-pip python3-setuptools python3-wheel python3-zmq python3-numpy python3-msgpack
    python3-pil python3-pytest python3-pytest-xdist python3-pytest-timeout python3-hypothesis)
packages_compose=(debootstrap docker-compose)
pip_build=(pyzmq msgpack numpy pillow setuptools wheel cython)
pip_test=(pytest pytest-timeout pytest-xdist hypothesis mypy==2.4.1 ruff==0.17.6 coverage simplejpeg
    opencv-python-headless pyarrow)
pip_bench=(matplotlib)

# need_packages NAME...: install the Debian packages that are missing, or say which they are.
need_packages() {
    if ! command -v dpkg-query >/dev/null; then
        pkg-config --exists libzmq libczmq libjpeg spng libtiff-4 msgpack libmicrohttpd 2>/dev/null && return
        die "this is not Debian; install what these Debian packages hold: $*"
    fi
    local missing
    missing=$(comm -23 <(printf '%s\n' "$@" | sort) \
        <(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2>/dev/null | sed -n 's/^ii //p' | sort -u))
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086 # one word a package
    set -- $missing
    [ "$(id -u)" = 0 ] || die "these packages are missing: apt-get install $*  (as root), then call again"
    say "setup: apt-get install $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" >"$build/apt.log" 2>&1 || { tail -20 "$build/apt.log" >&2; die "apt-get failed"; }
}

# once NAME INPUT... -- COMMAND...: run COMMAND unless it succeeded before with the same inputs (files, texts).
once() {
    local name=$1 inputs=() sum
    shift
    while [ "$1" != -- ]; do inputs+=("$1"); shift; done
    shift
    sum=$({ cat -- "${inputs[@]}" 2>/dev/null || true; printf '%s\n' "${inputs[@]}" "$@"; } | sha256sum)
    [ "$(cat "$build/.done-$name" 2>/dev/null)" = "$sum" ] && return
    "$@"
    printf '%s\n' "$sum" >"$build/.done-$name"
}

pip_install() { say "setup: pip install $*"; "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }

setup_build() {
    if [ ! -x "$venv/bin/pip" ]; then
        say "setup: a virtual environment in build/venv"
        /usr/bin/python3 -m venv "$venv"
    fi
    pip_install "${pip_build[@]}"
}

setup_test() {
    pip_install "${pip_test[@]}"
    # The floor: Debian's own Python packages, with nothing from PyPI.
    [ -x "$build/venv-debian/bin/python" ] || /usr/bin/python3 -m venv --system-site-packages "$build/venv-debian"
}

need_setup() {
    need_packages "${packages_build[@]}"
    [ -x "$venv/bin/pip" ] || rm -f "$build"/.done-*
    once setup-build dev.d/setup.sh -- setup_build
}

need_test_setup() {
    need_packages "${packages_build[@]}" "${packages_test[@]}"
    need_setup
    once setup-test dev.d/setup.sh -- setup_test
    ! docker_runs || need_packages "${packages_compose[@]}"
}

docker_runs() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

# What Framewire is measured against, in an environment of its own. What pip cannot install is said in missing/.
setup_peers() {
    local peers=$build/venv-peers list=bench/peers/requirements.txt line
    if [ ! -x "$peers/bin/pip" ]; then
        say "setup: a virtual environment in build/venv-peers"
        /usr/bin/python3 -m venv "$peers"
    fi
    rm -rf "$peers/missing"
    mkdir "$peers/missing"
    while read -r line; do
        say "setup: pip install $line"
        grep -vxF "$line" "$list" >"$peers/others.txt"
        "$peers/bin/pip" install --quiet --disable-pip-version-check -c "$peers/others.txt" "$line" 2>"$build/pip.log" ||
            sed -n 's/^ERROR: //p' "$build/pip.log" | head -1 >"$peers/missing/${line%%==*}"
    done < <(grep -v '^#' "$list")
}

need_peers() {
    if [ ! -x "$build/venv-peers/bin/pip" ] || [ -n "$(ls -A "$build/venv-peers/missing")" ]; then
        rm -f "$build/.done-setup-peers" # what was missing is tried again
    fi
    once setup-peers bench/peers/requirements.txt -- setup_peers
    install_package "$build/venv-peers"
}

# install_package VENV: the Python package, editable; again only when its metadata changed, or what is compiled of it,
# which lies in the tree then, for all environments.
install_package() {
    if [ ! -x "$1/bin/framewire-work" ] || ! compgen -G "python/framewire/_lane.*.so" >/dev/null; then
        rm -f "$build/.done-package-$(basename "$1")"
    fi
    once "package-$(basename "$1")" pyproject.toml setup.py python/framewire/_*.p[yx]* -- \
        "$1/bin/pip" install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
}

# Pictures that their makers gave to the public domain or under CC0 (scikit-image's documentation says so of each).
pictures=(astronaut.png brick.png camera.png cell.png chelsea.png clock_motion.png coffee.png grass.png gravel.png
    horse.png hubble_deep_field.jpg microaneurysms.png retina.jpg rocket.jpg text.png)

fetch_pictures() {
    say "setup: ${#pictures[@]} pictures (public domain and CC0) from the scikit-image package, in build/pictures"
    local folder=$build/pictures.part
    rm -rf "$folder" "$build/pictures"
    mkdir -p "$folder"
    "$venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d "$folder" 'scikit-image==0.26.0'
    (cd "$folder" && /usr/bin/python3 -m zipfile -e ./*.whl wheel)
    mkdir "$folder/pictures"
    (cd "$folder/wheel/skimage/data" && mv "${pictures[@]}" "$folder/pictures/")
    mv "$folder/pictures" "$build/pictures"
    rm -rf "$folder"
}

need_pictures() {
    [ -d "$build/pictures" ] || rm -f "$build/.done-pictures"
    once pictures "${pictures[@]}" -- fetch_pictures
}

verb_setup() {
    need_test_setup
    need_pictures
    say "setup: everything is here"
}
