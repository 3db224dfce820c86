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
// A slot that is leased, pinned or loading is never evicted, nor is one that a demand ticket waits to hand out. All calls
// on one bank are thread safe. "Since 1.1": fields that KL_ABI_MINOR 1 appended; KL_HAS_FIELD before they are read.
//
// Records of different sizes come in groups (the levels of a hierarchical memory), each with slots of its own size.
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
  // File or folder. NULL: memory, a part of kl_bank_options.budget_bytes: what the slots beyond those of the leases may take.
  const char* path;
  uint64_t budget_bytes;  // how much of this tier may be used
} kl_bank_tier;

// A piece of a file that a record is made of. Fixed: these come in large arrays.
typedef struct kl_bank_piece {
  uint32_t file;      // index into kl_bank_source.paths
  uint32_t reserved;  // 0
  uint64_t offset;
  uint64_t bytes;  // > 0
} kl_bank_piece;

typedef struct kl_bank_record {
  const kl_bank_piece* pieces;  // in the order in which they are laid into the slot
  // 1..KL_BANK_MAX_PIECES. Since 1.3 also 0: a record that is absent, or must never be read (denied). It has no place that
  // could be read; submit() and pin() refuse it (KL_NOT_FOUND), and no copy of it is kept anywhere.
  uint32_t piece_count;
  uint32_t has_checksum;        // 1: `checksum` is kl_checksum64 (checksum.h) over the pieces in order
  uint64_t checksum;
} kl_bank_record;

#define KL_BANK_MAX_PIECES 8
#define KL_BANK_MAX_GROUPS 16

// Turns the pieces as they were read (pieces[i] points to the bytes of piece i, aligned as in the file modulo 4096) into
// the slot's content, slot_bytes at `slot`, 64-byte aligned. Called by the bank's threads, several at once.
typedef kl_code (*kl_bank_unpack)(void* context, uint64_t id, const void* const* pieces, void* slot, kl_error* error);

// What a bank's records are; the host keeps it unchanged as long as the bank is open.
typedef struct kl_bank_source {
  uint32_t struct_size;
  uint32_t path_count;
  const char* const* paths;  // files; the bank opens them
  const kl_bank_record* records;
  uint64_t record_count;  // the id of a record is its index
  uint64_t slot_bytes;    // of a lease's data, the same for all records; with groups: the largest of group_slot_bytes
  kl_bank_unpack unpack;  // NULL: pieces are laid one after the other
  void* context;          // for unpack
  // 1, with unpack NULL: pieces stay where the read put them, and kl_lease.pieces says where: no copy at all for pieces
  // that a file does not align. slot_bytes is then the largest sum of a record's pieces.
  uint32_t in_place;
  uint32_t reserved;  // padding in 1.2, so never read
  // Since 1.3. Records of different sizes. Leases, slots, pins and min_lease_count are counted in each group by itself; the
  // first group is the dearest: memory and fast tiers are given to it first.
  uint32_t group_count;              // 0: one group of slot_bytes; at most KL_BANK_MAX_GROUPS
  uint32_t reserved_too;             // 0
  const uint64_t* group_slot_bytes;  // [group_count], of a lease's data of that group's records
  const uint8_t* group_of_record;    // [record_count], each below group_count
} kl_bank_source;

typedef uint32_t kl_bank_verify;
enum {
  KL_BANK_VERIFY_ALWAYS = 0,  // each read of a record with a checksum
  KL_BANK_VERIFY_FIRST = 1,   // the first read of a record, and every one after the file's size or time changed
  KL_BANK_VERIFY_NEVER = 2
};

typedef struct kl_bank_options {
  uint32_t struct_size;
  const kl_bank_tier* const* tiers;
  uint32_t tier_count;
  uint64_t budget_bytes;      // resident bytes: slots, bookkeeping, buffers and threads together
  uint32_t min_lease_count;   // leases (of each group) that must be possible at once; open() refuses a budget too small for it
  uint32_t reserved;          // padding in 1.0, so never read: whatever the writer left there
  // Since 1.1.
  const kl_bank_source* source;  // NULL: the bank finds its records in its tiers
  const char* policy;            // one of kl_bank.policies; NULL: the first of them
  const char* reader;            // "io_uring", "pread", "buffered"; NULL: the first of these that works
  uint32_t queue_depth;          // reads under way at the same time; 0: the bank's choice
  uint32_t thread_count;         // threads that verify and unpack; 0: the bank's choice
  kl_bank_verify verify;
  uint32_t reserved_too;  // 0
} kl_bank_options;

// Where a lease's bytes came from.
typedef uint32_t kl_bank_origin;
enum {
  KL_BANK_ORIGIN_UNKNOWN = 0,  // the bank does not say
  KL_BANK_ORIGIN_MEMORY = 1,   // there when submit() asked for it
  KL_BANK_ORIGIN_FILE = 2,     // read from the record's own file
  KL_BANK_ORIGIN_TIER = 3      // + i: read from the copy in kl_bank_options.tiers[i]
};

typedef struct kl_lease {
  uint32_t struct_size;
  uint64_t id;        // the record
  const void* data;   // 64-byte aligned; in_place: the same as pieces[0], aligned as in the file
  uint64_t bytes;
  uint64_t slot;      // the bank's own
  // Since 1.1. Where each piece of the record is, in the slot; NULL when unpack made the content.
  const void* const* pieces;
  // Since 1.3.
  kl_bank_origin origin;
  uint32_t reserved;  // 0
} kl_lease;

typedef int32_t kl_bank_answer;
enum { KL_BANK_READY = 0, KL_BANK_PENDING = 1, KL_BANK_DONE = 2, KL_BANK_EXHAUSTED = 3, KL_BANK_FAILED = 4 };

typedef struct kl_bank_stats {
  uint32_t struct_size;
  uint64_t record_count;
  uint64_t slot_count;      // that the budget leaves; for a while after it shrank more are in use
  uint64_t resident_bytes;  // of what budget_bytes covers, at most in use; stays below the budget
  uint64_t hit_count;       // records of demand tickets that were there at submit()
  uint64_t miss_count;      // that were not: read for the ticket, or under way already
  uint64_t read_bytes;      // from storage, with what alignment adds
  uint64_t prefetch_count;  // reads that prefetch tickets started
  uint64_t useless_prefetch_count;  // read and evicted unused
  uint64_t stall_ns;                // time that callers slept in next_ready
  // Since 1.1.
  uint64_t joined_count;            // of miss_count: under way already, for a prefetch or another ticket
  uint64_t useful_prefetch_count;   // prefetched records that a demand ticket then asked for
  uint64_t dropped_prefetch_count;  // prefetches not read: slots were short, or cancelled
  uint64_t read_count;              // records that were read
  uint64_t read_ns;                 // sum over read_count of the time from submit to ready
  uint64_t retry_count;             // reads and checksums that were tried once more
  uint64_t checksum_failure_count;
  uint64_t failed_count;            // records that could not be read
  uint64_t eviction_count;
  uint64_t leased_count;            // slots leased now
  uint64_t pinned_count;            // records pinned now
  uint64_t pending_count;           // reads queued or under way now
} kl_bank_stats;

#define KL_BANK_NO_RECORD UINT64_MAX  // in the ids of replay(): a lease that is not taken

// What replay() found.
typedef struct kl_bank_replay_result {
  uint32_t struct_size;
  uint64_t hit_count;
  uint64_t miss_count;
} kl_bank_replay_result;

enum { KL_SUBMIT_DEMAND = 0, KL_SUBMIT_PREFETCH = 1 };

typedef struct kl_bank {
  uint32_t struct_size;
  const char* name;  // "expert_bank"
  kl_code (*open)(const kl_host* host, const kl_bank_options* options, kl_bank_handle** bank, kl_error* error);
  // Each of the ids is handed out once; an id that is there twice, twice. A prefetch ticket hands out no leases: PENDING
  // while it reads, then DONE; it ends by itself, nobody has to ask. Its records may be dropped when slots are short.
  kl_code (*submit)(kl_bank_handle* bank, const uint64_t* ids, uint32_t count, uint32_t kind, kl_bank_ticket* ticket,
                    kl_error* error);
  kl_bank_answer (*next_ready)(kl_bank_handle* bank, kl_bank_ticket ticket, int64_t wait_ns, kl_lease* lease,
                               kl_error* error);
  void (*release)(kl_bank_handle* bank, const kl_lease* lease);
  // Ends a ticket: what it was not handed out is not read, or stays in the cache when the read is under way.
  void (*cancel)(kl_bank_handle* bank, kl_bank_ticket ticket);
  // A pinned record stays once it is there; pinning reads nothing. Unpinning one that is not pinned changes nothing.
  // Refused (KL_OUT_OF_BUDGET) when fewer than min_lease_count slots would be left unpinned.
  kl_code (*pin)(kl_bank_handle* bank, uint64_t id, uint32_t pinned, kl_error* error);
  void (*stats)(kl_bank_handle* bank, kl_bank_stats* stats);
  // Every lease released before. Waits for the reads that storage has begun: their memory is not the bank's to free.
  void (*close)(kl_bank_handle* bank);
  // Since 1.1; each may be NULL.
  // Gives memory back to the system, or takes it again, up to the budget of open(). Slots in use are given back when they
  // are released. KL_OUT_OF_BUDGET, and nothing changes, below the smallest budget that works; the message says it.
  kl_code (*resize)(kl_bank_handle* bank, uint64_t budget_bytes, kl_error* error);
  // One line for people: reader, policy, slots. Cut to `size`, always terminated; returns its whole length.
  uint64_t (*describe)(kl_bank_handle* bank, char* buffer, uint64_t size);
  // Names for kl_bank_options.policy, ended by NULL, the default first.
  const char* const* policies;
  // Pure: how a cache of slot_count slots, empty at first, would have served `ids`; lease_count ids at a time are leased
  // together, as a layer's experts are. For tools that choose a policy or a budget; uses the code that the bank uses.
  // policy "belady" is the optimum, which knows the future.
  kl_code (*replay)(const char* policy, uint64_t record_count, uint64_t slot_count, const uint64_t* ids, uint64_t count,
                    uint32_t lease_count, kl_bank_replay_result* result, kl_error* error);
  // The smallest budget that open() takes with these options (whose budget_bytes is not read), and what each further slot
  // costs (a slot of each group, where there are several). Opens no file.
  kl_code (*query_budget)(const kl_bank_options* options, uint64_t* least_bytes, uint64_t* bytes_per_slot, kl_error* error);
} kl_bank;

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_BANK_H_
