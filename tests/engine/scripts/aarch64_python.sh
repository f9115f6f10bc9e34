#!/usr/bin/env bash
# aarch64_python.sh FOLDER: puts Debian's Python 3.11 for aarch64 there, with NumPy and SciPy, to be run by qemu-aarch64
# of Debian's qemu-user. apt's own state, and what is installed on this machine, stay as they are.
set -euo pipefail
mkdir -p "$1"/apt/{lists/partial,archives/partial} "$1"/debs "$1"/wheels
cd "$1"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main" > apt/sources
touch apt/status
export APT_CONFIG=$PWD/apt/conf
cat > apt/conf <<END
APT { Architecture "arm64"; Architectures { "arm64"; }; Sandbox::User "root"; };
Dir { State "$PWD/apt"; State::status "$PWD/apt/status"; Cache "$PWD/apt"; };
Dir { Etc::sourcelist "$PWD/apt/sources"; Etc::sourceparts "-"; };
END
apt-get update --quiet=2
(cd debs && apt-get download --quiet=2 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1 \
  libstdc++6 zlib1g libexpat1 libffi8 libssl3 libbz2-1.0 liblzma5)
for package in debs/*.deb; do dpkg -x "$package" .; done
python3 -m pip download --quiet --dest wheels --only-binary=:all: --python-version 3.11 --platform manylinux2014_aarch64 \
  --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 numpy scipy
for wheel in wheels/*.whl; do python3 -m zipfile -e "$wheel" usr/lib/python3/dist-packages; done
