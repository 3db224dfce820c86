#!/bin/sh
# Runs an aarch64 test binary: bazel test --run_under=//third_party/toolchains:run_aarch64
# The loader has to come with the C library that it loads: the one of libc6:arm64 where that is
# installed, the cross compiler's otherwise. A mixture of both hangs in the first thread.
root=/usr/aarch64-linux-gnu
[ -e /lib/ld-linux-aarch64.so.1 ] && root=/
exec qemu-aarch64 -cpu "${QEMU_AARCH64_CPU:-max}" -L "${QEMU_AARCH64_ROOT:-$root}" "$@"
