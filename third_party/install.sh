#!/usr/bin/env bash
# Installs the Debian 12 packages that Kinglet is built from. Safe to run again: packages that
# are already there are left alone, and when none is missing apt is not called at all.
#
#   third_party/install.sh              what `bazel run //:chat` and `bazel test //...` need
#   third_party/install.sh --aarch64    also the ARM cross compiler and qemu (--config=aarch64)
#   third_party/install.sh --train      also PyTorch and NumPy (tools/train)
#   third_party/install.sh --dev        also clang for fuzzing, clang-format, clang-tidy, llvm-mca
#   third_party/install.sh --list       prints the packages, installs nothing
#
# Works as root or through sudo, and waits for another running apt instead of failing.
set -euo pipefail

build_tools=(
  bazel-bootstrap # Bazel 4.2.3
  g++ git ca-certificates python3
  unzip zip # Bazel packs a test's undeclared outputs
)
libraries=(
  googletest           # sources: built by the toolchain and sanitizer of the moment
  libabsl-dev          # Abseil: status, containers, strings
  libbenchmark-dev     # Google Benchmark
  libcpuinfo-dev       # CPU facts
  libdnnl-dev          # oneDNN: plugins/onednn
  libedit-dev          # line editing in the chat
  libflatbuffers-dev flatbuffers-compiler # TFLite's container: loaders/tflite
  libmimalloc-dev      # the allocator of every binary
  libonnx-dev          # ONNX protocol buffers: loaders/onnx
  libpcre2-dev         # Unicode regular expressions: pre-tokenizers
  libprotobuf-dev protobuf-compiler
  libpthreadpool-dev   # the pool behind XNNPACK
  libstb-dev           # image files: tools/classify
  liburing-dev         # io_uring
  libxnnpack-dev       # XNNPACK: plugins/xnnpack
  nlohmann-json3-dev   # JSON
  zlib1g-dev
)
# Debian cannot install XNNPACK, pthreadpool, cpuinfo, oneDNN and ONNX for two processors at once.
aarch64=(
  g++-aarch64-linux-gnu qemu-user
  libabsl-dev:arm64 libbenchmark-dev:arm64 libedit-dev:arm64 libmimalloc-dev:arm64
  libpcre2-dev:arm64 liburing-dev:arm64
)
train=(python3-torch python3-numpy)
dev=(
  clang libclang-rt-14-dev clang-format clang-tidy
  llvm-19 # llvm-mca with models of Cortex-A76: plugins/sparse_arm/inner_loops.py
)

packages=("${build_tools[@]}" "${libraries[@]}")
list_only=false
foreign=
for option in "$@"; do
  case $option in
    --aarch64) packages+=("${aarch64[@]}") foreign=arm64 ;;
    --train) packages+=("${train[@]}") ;;
    --dev) packages+=("${dev[@]}") ;;
    --list) list_only=true ;;
    -h | --help)
      sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
    *)
      echo "$0: unknown option '$option'; known: --aarch64 --train --dev --list --help" >&2
      exit 2
      ;;
  esac
done
if $list_only; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || {
  echo "$0: needs Debian's apt-get and dpkg-query, and found neither: on another system," \
    "install the equivalents of the packages that --list prints" >&2
  exit 1
}

# Prints those of "${packages[@]}" that are not fully installed.
native=$(dpkg --print-architecture)
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}:${Architecture}\n' 2>/dev/null |
    sed -n 's/^installed //p' | sed "s/:all$/:$native/")
  for package in "${packages[@]}"; do
    [[ $package == *:* ]] || package+=:$native
    grep -qxF "$package" <<<"$installed" || echo "${package%:"$native"}"
  done
}

mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "third_party/install.sh: all ${#packages[@]} packages are installed; nothing to do."
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "$0: missing packages: ${missing[*]}" >&2
    echo "$0: installing them needs root, and sudo was not found: run this script as root" >&2
    exit 1
  }
  as_root=(sudo)
fi

echo "third_party/install.sh: installing ${#missing[@]} of ${#packages[@]} packages:"
printf '  %s\n' "${missing[@]}"

# apt waits for dpkg's lock by itself, but not for the lock of its package lists.
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Use-Pty=0 "$@"
}
if [ -n "$foreign" ] && ! dpkg --print-foreign-architectures | grep -qx "$foreign"; then
  "${as_root[@]}" dpkg --add-architecture "$foreign"
fi
updated=false
for attempt in 1 2 3 4 5 6; do
  if apt update; then
    updated=true
    break
  fi
  echo "third_party/install.sh: apt-get update failed (attempt $attempt of 6); trying again" >&2
  sleep $((attempt * 2))
done
$updated || echo "third_party/install.sh: going on with the package lists that are there" >&2
# --no-remove: what is installed stays, or this fails and says what stands in the way.
apt install -y --no-install-recommends --no-remove "${missing[@]}" >/dev/null

mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -ne 0 ]; then
  echo "$0: apt-get ended well, but these packages are still missing: ${missing[*]}" >&2
  exit 1
fi
echo "third_party/install.sh: done."
