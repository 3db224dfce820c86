// A plugin for qemu's user emulation: writes how many guest instructions a program executed, a line
// each time that it wrote to its standard error and a last one at its end.
//
//   qemu-aarch64 -plugin libcount_instructions.so,out=FILE -cpu cortex-a76 program ...
//
// Adds a block's number of instructions each time that the block is entered: a block that is left
// in the middle by a fault counts whole. Exact for one thread; threads share one counter that is
// not atomic.
//
// Declares what it uses of qemu's plugin interface, version 1 (Debian ships no header for it).
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
enum { kAddU64 = 0 };
// Of 64-bit ARM's Linux.
enum { kSystemCallWrite = 64, kSystemCallWritev = 66, kStandardError = 2 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, int operation,
                                              void* counter, uint64_t value);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t,
                                                            struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id,
                                          void (*callback)(qemu_plugin_id_t, unsigned int cpu,
                                                           int64_t number, uint64_t, uint64_t,
                                                           uint64_t, uint64_t, uint64_t, uint64_t,
                                                           uint64_t, uint64_t));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void*),
                                    void* data);

EXPORTED int qemu_plugin_version = 1;

static uint64_t executed;
static FILE* output;

static void WriteCount(void) {
  fprintf(output, "%llu\n", (unsigned long long)executed);
  fflush(output);
}

static void OnBlock(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, kAddU64, &executed,
                                           qemu_plugin_tb_n_insns(block));
}

static void OnSystemCall(qemu_plugin_id_t id, unsigned int cpu, int64_t number, uint64_t first,
                         uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
                         uint64_t a7, uint64_t a8) {
  (void)id, (void)cpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (first != kStandardError) return;
  if (number == kSystemCallWrite || number == kSystemCallWritev) WriteCount();
}

static void OnExit(qemu_plugin_id_t id, void* data) {
  (void)id, (void)data;
  WriteCount();
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void* info, int argc, char** argv) {
  (void)info;
  if (argc != 1 || strncmp(argv[0], "out=", 4) != 0) {
    fprintf(stderr, "count_instructions: say where the counts go, and nothing else: ,out=FILE\n");
    return -1;
  }
  output = fopen(argv[0] + 4, "w");
  if (output == NULL) {
    fprintf(stderr, "count_instructions: cannot write %s\n", argv[0] + 4);
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, OnBlock);
  qemu_plugin_register_vcpu_syscall_cb(id, OnSystemCall);
  qemu_plugin_register_atexit_cb(id, OnExit, NULL);
  return 0;
}
