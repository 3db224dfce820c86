// The bank: slots, tickets, and who gets what when.
//
// A slot's life (README.md draws it):
//
//   free -> queued -> loading -> ready -> free | retired (its memory given back by Resize)
//
// A slot is held by references: one for each place of a ticket that waits for it, one for each
// lease. Only a ready slot without references, whose record is not pinned, is evicted.
//
// Slots come in pools, one for each group of records; a record is in a slot of its group's pool.
// A record may have a copy in a faster place (record_places.h), which is read instead of its file.
//
// Thread safe: one mutex, held for bookkeeping only, never while something is read, verified or
// unpacked. Lock order: bank, loader, reader.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_BANK_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_BANK_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/abi/bank.h"
#include "plugins/common/record_bank/cache_policy.h"
#include "plugins/common/record_bank/files.h"
#include "plugins/common/record_bank/index_list.h"
#include "plugins/common/record_bank/mapped_memory.h"
#include "plugins/common/record_bank/memory_plan.h"
#include "plugins/common/record_bank/open_reader.h"
#include "plugins/common/record_bank/record_loader.h"
#include "plugins/common/record_bank/record_places.h"

namespace record_bank {

// What tests change about the world.
struct Surroundings {
  SystemOffers offers;
  // Wraps the reader, to make it fail.
  std::function<std::unique_ptr<Reader>(std::unique_ptr<Reader>)> wrap;
};

// What RecordPlaces are made from; all of it outlives them.
struct PlacesSetting {
  const kl_host* host;
  const kl_bank_options& options;  // while they are made
  const kl_bank_source& source;
  const MemoryPlan& plan;
  Files* files;
  Reader* reader;
};

// What makes one bank different from another.
struct BankKind {
  const char* name = "expert_bank";
  const char* policy = nullptr;  // what it follows when nobody chooses; null: the first of all
  // Null: no copies. What they take of the budget, and their maker, which may leave them null.
  uint64_t (*places_bytes)(const kl_bank_options& options, const kl_bank_source& source) = nullptr;
  kl_code (*make_places)(const PlacesSetting& setting, std::unique_ptr<RecordPlaces>* places,
                         kl_error* error) = nullptr;
};

class RecordBank final : public LoadSink {
 public:
  // Semantics of all calls: core/abi/bank.h.
  static kl_code Open(const kl_host* host, const kl_bank_options& options, const BankKind& kind,
                      const Surroundings& surroundings, std::unique_ptr<RecordBank>* bank,
                      kl_error* error);
  static kl_code QueryBudget(const kl_bank_options& options, const BankKind& kind,
                             uint64_t* least_bytes, uint64_t* bytes_per_slot, kl_error* error);
  ~RecordBank() override;

  kl_code Submit(const uint64_t* ids, uint32_t count, uint32_t kind, kl_bank_ticket* ticket,
                 kl_error* error);
  kl_bank_answer NextReady(kl_bank_ticket ticket, int64_t wait_ns, kl_lease* lease,
                           kl_error* error);
  void Release(const kl_lease& lease);
  void Cancel(kl_bank_ticket ticket);
  kl_code Pin(uint64_t id, bool pinned, kl_error* error);
  kl_bank_stats Stats();
  kl_code Resize(uint64_t budget_bytes, kl_error* error);
  std::string Describe();
  RecordPlaces* places() { return places_.get(); }  // null: no copies are kept

  // LoadSink.
  void OnLoaded(uint32_t slot, kl_code code, const kl_error& error) override;
  void OnWarning(const char* message) override;

 private:
  enum class State : uint8_t { kFree, kQueued, kLoading, kReady, kRetired };
  struct Slot {
    State state = State::kFree;
    bool demanded = false;  // queued in demand_, not in guesses_
    bool unused = false;    // prefetched, and nobody asked for it yet
    bool guessed = false;   // the read that is under way began as a guess
    bool own_file = false;  // its copy has failed: not read again for this load
    kl_bank_ticket guessed_at = 0;  // the last ticket when it was prefetched, until it is asked for; 0: it was not
    uint32_t tier = kNone;  // that it was read from; kNone: its own file
    uint32_t record = kNone;
    uint32_t references = 0;
    uint32_t leases = 0;  // of the references
    int64_t queued_ns = 0;
  };
  // A place of a demand ticket. slot is kNone while no slot can be had.
  struct Place {
    uint32_t record;
    uint32_t slot;
    bool hit = false;  // was there when it was asked for
  };
  struct Ticket {
    kl_bank_ticket id = 0;  // 0: free
    std::vector<Place> places;
    kl_code failed = KL_OK;
    kl_error error = {};
  };
  // A prefetch is remembered only so that it can be asked about and cancelled.
  struct Guess {
    kl_bank_ticket id = 0;
    std::vector<uint32_t> records;
  };

  // The slots of one group's records.
  struct Pool {
    Pool(uint32_t first, const GroupLayout& layout, const GroupPlan& plan, IndexLinks* links)
        : first(first),
          count(plan.slot_count),
          target(plan.slot_count),
          layout(layout),
          least(plan.least_count),
          free(links),
          retired(links) {}

    const uint32_t first;  // its slots are first..first + count - 1
    const uint32_t count;
    uint32_t target;  // slots that the budget of now leaves
    const GroupLayout layout;
    const uint32_t least;  // slots that are kept for leases
    MappedMemory memory;
    IndexList free, retired;
    uint32_t guesses_under_way = 0;  // queued or loading, that nobody asked for
    uint32_t pinned_count = 0;

    uint32_t live_count() const { return count - retired.size(); }
    uint8_t* Address(uint32_t slot) const {
      return memory.data() + (slot - first) * layout.slot_stride;
    }
  };

  RecordBank(const kl_host* host, const kl_bank_source& source, const BankKind& kind);
  kl_code Init(const kl_bank_options& options, const Surroundings& surroundings, kl_error* error);
  kl_code MakePools(kl_error* error);
  kl_code CheckIds(const char* call, const uint64_t* ids, uint32_t count, kl_error* error) const;
  void Log(kl_log_level level, const std::string& message) const;

  // All below: with the lock.
  Ticket* Find(kl_bank_ticket id);
  Ticket* NewTicket();
  void EndTicket(Ticket* ticket);
  bool GiveSlot(Place* place);
  void GiveWaitingPlacesSlots();
  void TakeResident(Place* place);
  Pool& PoolOfRecord(uint32_t record) { return *pools_[GroupOf(source_, record)]; }
  Pool& PoolOfSlot(uint32_t slot);
  uint32_t SlotForDemand(Pool* pool);
  uint32_t SlotForGuess(Pool* pool);
  // Guesses that may still come true are spared as long as others can go, or altogether.
  enum class Spare { kFreshGuessesLast, kFreshGuesses };
  uint32_t EvictOne(Pool* pool, Spare spare);
  uint32_t EvictAllowed(Pool* pool, bool spare_fresh_guesses);
  bool IsFreshGuess(const Slot& slot) const;
  uint32_t LatestGuess(const Pool& pool) const;
  void Occupy(uint32_t slot, uint32_t record, bool demanded);
  void Vacate(uint32_t slot);
  void DropGuess(uint32_t slot);
  void Unreference(uint32_t slot);
  void StartReads();
  void StartQueued();
  void ReadOwnFile(uint32_t slot);
  void Shrink();
  bool ShrinkByOne(Pool* pool);
  uint32_t MakeRoomAtTheEnd(Pool* pool, uint32_t slot);
  std::vector<uint32_t> LiveCounts() const;
  void SubmitGuess(const uint64_t* ids, uint32_t count, kl_bank_ticket id);
  bool GuessIsUnderWay(kl_bank_ticket id) const;
  bool SomethingFreesItself(const Ticket& ticket);
  void HandOut(Ticket* ticket, size_t place, kl_lease* lease);

  const kl_host* const host_;
  const kl_bank_source& source_;
  const BankKind kind_;
  Layout layout_;
  MemoryPlan plan_;
  Files files_;
  std::string reason_;  // why not a better reader
  std::string reader_name_, policy_name_;
  kl_bank_verify verify_ = KL_BANK_VERIFY_ALWAYS;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;
  IndexLinks links_{0};  // a slot is in one of the lists at most
  std::vector<std::unique_ptr<Pool>> pools_;
  std::vector<const void*> pieces_;  // [slots][most_pieces]
  std::vector<uint32_t> slot_of_record_;
  std::vector<uint8_t> pinned_;  // of a record
  IndexList demand_{&links_}, guesses_{&links_};
  std::unique_ptr<CachePolicy> policy_;
  std::vector<std::unique_ptr<Ticket>> tickets_;
  std::vector<Guess> recent_guesses_;
  size_t next_guess_ = 0;
  kl_bank_ticket last_ticket_ = 0;
  uint32_t waiting_places_ = 0;
  uint32_t loading_count_ = 0;
  uint32_t guesses_loading_ = 0;  // of loading_count_, begun as guesses
  uint64_t copy_failure_count_ = 0;
  bool told_busy_ = false;  // what places_ know
  bool closing_ = false;
  kl_bank_stats stats_ = {};

  // Last: their threads end first.
  std::unique_ptr<Reader> reader_;
  std::unique_ptr<RecordPlaces> places_;  // null: no copies
  std::unique_ptr<RecordLoader> loader_;
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_BANK_H_
