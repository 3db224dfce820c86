// Banks: parameters too large to keep in memory, leased record by record.
//
//   caller                        bank
//   submit(ids) -> ticket         starts reads, never blocks
//   next_ready(ticket) -> READY   a lease: data stays where it is until release()
//              -> PENDING         nothing new yet; wait_ns > 0 sleeps up to that long
//              -> DONE            every record of the ticket was handed out
//              -> EXHAUSTED       every slot is leased or loading: release something first
//              -> FAILED          error says why; the ticket is over
//   release(lease)
//
// A slot that is leased, pinned or loading is never evicted. All calls on one bank are thread safe.
#ifndef KINGLET_CORE_ABI_BANK_H_
#define KINGLET_CORE_ABI_BANK_H_

#include "core/abi/host.h"
#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kl_bank_handle kl_bank_handle;  // the bank's own
typedef uint64_t kl_bank_ticket;               // 0 is never a ticket

// One place that records live in, fastest first.
typedef struct kl_bank_tier {
  uint32_t struct_size;
  const char* path;       // file or folder; NULL: memory only
  uint64_t budget_bytes;  // how much of this tier may be used
} kl_bank_tier;

typedef struct kl_bank_options {
  uint32_t struct_size;
  const kl_bank_tier* const* tiers;
  uint32_t tier_count;
  uint64_t budget_bytes;      // resident bytes, slots and bookkeeping together
  uint32_t min_lease_count;   // leases that must be possible at the same time; open() refuses a budget too small for it
} kl_bank_options;

typedef struct kl_lease {
  uint32_t struct_size;
  uint64_t id;        // the record
  const void* data;   // 64-byte aligned
  uint64_t bytes;
  uint64_t slot;      // the bank's own
} kl_lease;

typedef int32_t kl_bank_answer;
enum { KL_BANK_READY = 0, KL_BANK_PENDING = 1, KL_BANK_DONE = 2, KL_BANK_EXHAUSTED = 3, KL_BANK_FAILED = 4 };

typedef struct kl_bank_stats {
  uint32_t struct_size;
  uint64_t record_count;
  uint64_t slot_count;
  uint64_t resident_bytes;
  uint64_t hit_count;
  uint64_t miss_count;
  uint64_t read_bytes;
  uint64_t prefetch_count;
  uint64_t useless_prefetch_count;  // read and evicted unused
  uint64_t stall_ns;                // time that callers slept in next_ready
} kl_bank_stats;

enum { KL_SUBMIT_DEMAND = 0, KL_SUBMIT_PREFETCH = 1 };

typedef struct kl_bank {
  uint32_t struct_size;
  const char* name;  // "expert_bank"
  kl_code (*open)(const kl_host* host, const kl_bank_options* options, kl_bank_handle** bank, kl_error* error);
  // A prefetch ticket hands out no leases; it may be dropped when slots are short.
  kl_code (*submit)(kl_bank_handle* bank, const uint64_t* ids, uint32_t count, uint32_t kind, kl_bank_ticket* ticket,
                    kl_error* error);
  kl_bank_answer (*next_ready)(kl_bank_handle* bank, kl_bank_ticket ticket, int64_t wait_ns, kl_lease* lease,
                               kl_error* error);
  void (*release)(kl_bank_handle* bank, const kl_lease* lease);
  void (*cancel)(kl_bank_handle* bank, kl_bank_ticket ticket);
  kl_code (*pin)(kl_bank_handle* bank, uint64_t id, uint32_t pinned, kl_error* error);
  void (*stats)(kl_bank_handle* bank, kl_bank_stats* stats);
  void (*close)(kl_bank_handle* bank);  // every lease released before
} kl_bank;

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_BANK_H_
