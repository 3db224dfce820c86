#!/bin/sh
# Runs an aarch64 test binary: bazel test --run_under=//third_party/toolchains:run_aarch64
exec qemu-aarch64 -cpu "${QEMU_AARCH64_CPU:-max}" -L "${QEMU_AARCH64_ROOT:-/usr/aarch64-linux-gnu}" "$@"
