#!/bin/sh
# Runs an aarch64 test binary: bazel test --run_under=//third_party/toolchains:run_aarch64
# A test that is a script runs as it is. QEMU_AARCH64_CPU says which processor qemu plays.
# The loader has to come with the C library that it loads: the one of libc6:arm64 where that is
# installed, the cross compiler's otherwise. A mixture of both hangs in the first thread.
root=/usr/aarch64-linux-gnu
[ -e /lib/ld-linux-aarch64.so.1 ] && root=/
# What a test puts in front of the programs that it starts (tests/support/start_command.h).
export KL_RUN_UNDER="qemu-aarch64 -cpu ${QEMU_AARCH64_CPU:-max} -L ${QEMU_AARCH64_ROOT:-$root}"
# "#!" opens a script.
[ "$(head -c 2 "$1")" = "#!" ] && exec "$@"
exec $KL_RUN_UNDER "$@"
