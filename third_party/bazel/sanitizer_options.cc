// What the sanitizers' run-times are told, linked into every binary of a sanitizer configuration,
// so that a program started by hand behaves as it does under `bazel test`. Options given in
// ASAN_OPTIONS and its like still win.

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KL_WITH_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define KL_WITH_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define KL_WITH_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define KL_WITH_TSAN 1
#endif

#define KL_RUNTIME_HOOK extern "C" __attribute__((visibility("default"), used))

#if defined(KL_WITH_ASAN)
KL_RUNTIME_HOOK const char* __asan_default_options() {
  // Stacks on the heap are aligned to 32 bytes by gcc 12, and AVX-512 needs 64 (gcc's bug 110027): kernels crashed.
  return "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=0";
}
#endif

KL_RUNTIME_HOOK const char* __ubsan_default_options() { return "print_stacktrace=1"; }

#if defined(KL_WITH_TSAN)
KL_RUNTIME_HOOK const char* __tsan_default_options() {
  return "halt_on_error=1:second_deadlock_stack=1";
}

// oneDNN waits for its OpenMP threads in libgomp, which ThreadSanitizer cannot see into.
KL_RUNTIME_HOOK const char* __tsan_default_suppressions() {
  return "race:libdnnl.so\ncalled_from_lib:libgomp.so\n";
}
#endif
