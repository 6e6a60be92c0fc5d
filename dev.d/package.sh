# shellcheck shell=bash
# What users get: an installed tree, a wheel, a Debian package.

version() { sed -n "s/^ *version: '\(.*\)',/\1/p" meson.build | head -1; }

# The build that is installed: optimised, without tests.
release_build() {
    need_setup
    rm -rf "$build/release"
    meson_in "$build/release" --buildtype=release --prefix="$1" -Dtests=false
}

verb_install() {
    say "install: below ${DESTDIR:-}${PREFIX:-/usr/local}"
    release_build "${PREFIX:-/usr/local}"
    meson install -C "$build/release" --no-rebuild --quiet
    [ -n "${DESTDIR:-}" ] || ldconfig 2>/dev/null || true
    say "install: the Python package comes from the wheel: ./dev wheel, then pip install build/dist/*.whl"
}

verb_wheel() {
    need_setup
    mkdir -p "$build/dist"
    rm -rf "$build"/dist/*.whl "$build"/lib* # else what is gone from the tree is still in it
    "$venv/bin/pip" wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w "$build/dist" .
    ls "$build"/dist/*.whl
}

# One package for one machine: the command, the library with its headers, and the Python package.
verb_deb() {
    local tree=$build/deb name
    release_build /usr
    verb_wheel >/dev/null
    rm -rf "$tree"
    DESTDIR=$tree meson install -C "$build/release" --no-rebuild --quiet --strip
    "$venv/bin/pip" install --quiet --disable-pip-version-check --ignore-installed --no-deps --no-compile --root "$tree" --prefix /usr \
        "$build"/dist/framewire-*.whl
    mkdir -p "$tree/usr/lib/python3" "$tree/DEBIAN" "$tree/usr/share/doc/framewire"
    mv "$tree"/usr/lib/python3.*/site-packages "$tree/usr/lib/python3/dist-packages"
    rmdir "$tree"/usr/lib/python3.*
    rm "$tree"/usr/lib/python3/dist-packages/framewire-*/{direct_url.json,RECORD,REQUESTED}
    sed -i '1s|^#!.*|#!/usr/bin/python3|' "$tree"/usr/bin/framewire-*
    "$venv/bin/framewire-work" --man >"$tree/usr/share/man/man1/framewire-work.1"
    cp LICENSE "$tree/usr/share/doc/framewire/copyright"
    cp README.md CHANGELOG.md "$tree/usr/share/doc/framewire/"
    name=framewire_$(version)_$(dpkg --print-architecture).deb
    cat >"$tree/DEBIAN/control" <<TEXT
Package: framewire
Version: $(version)
Architecture: $(dpkg --print-architecture)
Maintainer: The Framewire authors <framewire@localhost>
Section: utils
Priority: optional
Depends: $(library_packages), python3 (>= 3.11), python3-zmq, python3-msgpack, python3-numpy, python3-pil
Installed-Size: $(du -sk "$tree" | cut -f1)
Description: images from a C program into Python workers, and results back
 Framewire sends image files and camera frames over ZeroMQ to workers that see
 each frame as a NumPy array, and collects what they say of it.
TEXT
    dpkg-deb --build --root-owner-group "$tree" "$build/dist/$name" >/dev/null
    echo "$build/dist/$name"
}

# The Debian packages of the shared libraries that ours needs, as dpkg-shlibdeps finds them.
library_packages() {
    (
        cd "$build" || exit
        mkdir -p debian
        touch debian/control
        dpkg-shlibdeps --ignore-missing-info -l"$tree/usr/lib/$(gcc -print-multiarch)" -O \
            "$tree/usr/bin/framewire" "$tree"/usr/lib/*/libframewire.so.0 2>/dev/null | sed 's/^shlibs:Depends=//'
        rm -r debian
    )
}
