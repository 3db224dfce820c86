#!/bin/sh
# What the linker may see of a plugin.
#
#   symbols_test.sh exports PLUGIN.so ...   each defines kl_plugin_query_v1 for others, and nothing else
#   symbols_test.sh weak LIBRARY.a ...      no object of an instruction set's kernels defines a weak symbol: the linker
#                                           could take that copy, compiled for a processor that has the instruction
#                                           set, for baseline code
set -eu

mode=$1
shift
if [ $# -eq 0 ]; then
  echo "expected files to look at, found none" >&2
  exit 1
fi

failed=0
for file in "$@"; do
  # What a run of all tests is given besides.
  case $file in --testdata=*) continue ;; esac
  case $mode in
    exports)
      found=$(nm --dynamic --defined-only --format=posix "$file" | cut -d' ' -f1 | sort | tr '\n' ' ')
      expected="kl_plugin_query_v1 "
      ;;
    weak)
      # W, V: weak; u: unique to the process. One that is not defined here (w) is of no harm.
      objects=$(nm --defined-only --format=posix "$file" | grep -c '^[^ ]* [A-Za-z] ' || true)
      if [ "$objects" -eq 0 ]; then
        echo "$file: expected symbols, found none" >&2
        exit 1
      fi
      found=$(nm --defined-only --format=posix --demangle "$file" | grep -E ' [WVu] [0-9a-f]+' || true)
      expected=""
      ;;
    *)
      echo "expected exports or weak, found $mode" >&2
      exit 1
      ;;
  esac
  if [ "$found" != "$expected" ]; then
    echo "$file: expected symbols '$expected', found '$found'" >&2
    failed=1
  else
    echo "$file: ok"
  fi
done
exit $failed
