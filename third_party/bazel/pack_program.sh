#!/usr/bin/env bash
# pack_program.sh OUTPUT.tar.gz PROGRAM FILE...: the program and what it needs, as one folder that can
# be unpacked anywhere on a machine of its processor.
#
#   kinglet/bin/kinglet        the program, which looks beside itself for
#   kinglet/bin/plugins/       libkinglet_<name>.so among the files
#   kinglet/bin/models/        models among the files
#   kinglet/lib/               shared libraries of Debian's that these ask for; the program is linked
#                              with the run path $ORIGIN/../lib
#   kinglet/                   other files
#
# The C library and the compiler's own libraries are the target's: as new as Debian 12's.
set -euo pipefail
output=$1 program=$2
shift 2

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
top=$folder/kinglet
install -D -m 755 "$program" "$top/bin/kinglet"
for file in "$@"; do
  name=$(basename "$file")
  case $name in
    libkinglet_*.so)
      plugin=${name#libkinglet_}
      install -D -m 644 "$file" "$top/bin/plugins/${plugin%.so}/$name"
      ;;
    *.gguf | *.klbank) install -D -m 644 "$file" "$top/bin/models/$name" ;;
    *) install -D -m 644 "$file" "$top/$name" ;;
  esac
done

case $(LC_ALL=C readelf -h "$program" | sed -n 's/^ *Machine: *//p') in
  AArch64) libraries=/usr/lib/aarch64-linux-gnu ;;
  *X86-64) libraries=/usr/lib/x86_64-linux-gnu ;;
  *)
    echo "$0: $program is for a processor that this script does not know" >&2
    exit 1
    ;;
esac

needs() {
  LC_ALL=C readelf -d "$@" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u |
    grep -Ev '^(ld-linux|libc|libm|libdl|librt|libpthread|libutil|libresolv|libstdc\+\+|libgcc_s)[-.]' || true
}
mkdir "$top/lib"
mapfile -t waiting < <(find "$top/bin" -type f \( -name kinglet -o -name '*.so' \))
while [ "${#waiting[@]}" -gt 0 ]; do
  mapfile -t names < <(needs "${waiting[@]}")
  waiting=()
  for name in "${names[@]}"; do
    [ -e "$top/lib/$name" ] && continue
    [ -e "$libraries/$name" ] || {
      echo "$0: $name is asked for and not in $libraries; run third_party/install.sh" >&2
      exit 1
    }
    install -m 644 "$(realpath "$libraries/$name")" "$top/lib/$name"
    waiting+=("$top/lib/$name")
  done
done

# The same files give the same archive.
tar -C "$folder" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - kinglet |
  gzip -n >"$output"
