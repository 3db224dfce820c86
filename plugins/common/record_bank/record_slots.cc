// The slots: who has one, who gets one, who gives one up.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/abi/error.h"
#include "plugins/common/record_bank/record_bank.h"

namespace record_bank {
namespace {

using Number = unsigned long long;  // NOLINT: what %llu takes

// A guess that was not asked for by so many tickets was wrong. Whoever guesses looks some layers ahead, and each layer may
// have a ticket of its own for what it asks for and one for its guesses.
constexpr kl_bank_ticket kGuessLifeInTickets = 24;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// The record has a slot, ready or not: the place takes part in it.
void RecordBank::TakeResident(Place* place) {
  const uint32_t index = slot_of_record_[place->record];
  Slot& slot = slots_[index];
  place->slot = index;
  slot.guessed_at = 0;
  if (slot.unused) {
    slot.unused = false;
    ++stats_.useful_prefetch_count;
    if (slot.state != State::kReady) --PoolOfSlot(index).guesses_under_way;
  }
  ++slot.references;
  policy_->Touch(place->record);
  if (slot.state == State::kReady) {
    place->hit = true;
    ++stats_.hit_count;
    return;
  }
  ++stats_.miss_count;
  ++stats_.joined_count;
  if (slot.state == State::kQueued && !slot.demanded) {
    guesses_.Remove(index);
    demand_.PushBack(index);
    slot.demanded = true;
  }
}

// False, and the place waits on, when no slot can be had now. Places that get one stop waiting.
bool RecordBank::GiveSlot(Place* place) {
  if (slot_of_record_[place->record] != kNone) {
    // Somebody else asked for it meanwhile; it has been counted as a miss already.
    const uint64_t hits = stats_.hit_count, misses = stats_.miss_count;
    TakeResident(place);
    stats_.hit_count = hits;
    stats_.miss_count = misses;
    place->hit = false;
  } else {
    const uint32_t slot = SlotForDemand(&PoolOfRecord(place->record));
    if (slot == kNone) return false;
    Occupy(slot, place->record, /*demanded=*/true);
    slots_[slot].references = 1;
    place->slot = slot;
  }
  --waiting_places_;
  return true;
}

void RecordBank::GiveWaitingPlacesSlots() {
  if (waiting_places_ == 0 || closing_) return;
  uint32_t short_of_slots =
      0;  // a bit for each group: who came first in it waits on, and so do the others
  // The oldest ticket first: tickets_ is in no order.
  for (kl_bank_ticket after = 0;;) {
    Ticket* oldest = nullptr;
    for (const auto& ticket : tickets_) {
      if (ticket->id > after && ticket->failed == KL_OK &&
          (oldest == nullptr || ticket->id < oldest->id)) {
        oldest = ticket.get();
      }
    }
    if (oldest == nullptr) return;
    after = oldest->id;
    for (Place& place : oldest->places) {
      const uint32_t group = 1u << GroupOf(source_, place.record);
      if (place.slot != kNone || (short_of_slots & group) != 0) continue;
      if (!GiveSlot(&place)) short_of_slots |= group;
    }
  }
}

bool RecordBank::IsFreshGuess(const Slot& slot) const {
  return slot.guessed_at != 0 && last_ticket_ - slot.guessed_at < 2 * kGuessLifeInTickets;
}

// Of a slot of the pool, in no list, or kNone. What was guessed at is new or rarely asked for, which most policies take
// for a reason to give it up at once: it is spared until it has had the time to be asked for.
uint32_t RecordBank::EvictOne(Pool* pool, Spare spare) {
  const uint32_t slot = EvictAllowed(pool, /*spare_fresh_guesses=*/true);
  if (slot != kNone || spare == Spare::kFreshGuesses) return slot;
  return EvictAllowed(pool, /*spare_fresh_guesses=*/false);
}

uint32_t RecordBank::EvictAllowed(Pool* pool, bool spare_fresh_guesses) {
  const auto may_evict = [this, pool, spare_fresh_guesses](uint32_t record) {
    const uint32_t index = slot_of_record_[record];
    const Slot& slot = slots_[index];
    return slot.state == State::kReady && slot.references == 0 && !pinned_[record] &&
           index - pool->first < pool->count && !(spare_fresh_guesses && IsFreshGuess(slot));
  };
  const uint32_t record = policy_->Evict(may_evict);
  if (record == kNone) return kNone;
  const uint32_t slot = slot_of_record_[record];
  stats_.useless_prefetch_count += slots_[slot].unused;
  ++stats_.eviction_count;
  slot_of_record_[record] = kNone;
  slots_[slot].record = kNone;
  slots_[slot].unused = false;
  return slot;
}

// Of a slot in no list, or kNone.
uint32_t RecordBank::SlotForDemand(Pool* pool) {
  uint32_t slot = pool->free.front();
  if (slot != kNone) {
    pool->free.Remove(slot);
    return slot;
  }
  slot = EvictOne(pool, Spare::kFreshGuessesLast);
  if (slot != kNone) return slot;
  // A guess that storage has not begun with makes room; the latest first.
  slot = LatestGuess(*pool);
  if (slot == kNone) return kNone;
  DropGuess(slot);
  pool->free.Remove(slot);
  return slot;
}

// The last of the queued guesses that is in the pool, or kNone.
uint32_t RecordBank::LatestGuess(const Pool& pool) const {
  uint32_t latest = kNone;
  for (uint32_t slot = guesses_.front(); slot != kNone; slot = guesses_.After(slot)) {
    if (slot - pool.first < pool.count) latest = slot;
  }
  return latest;
}

uint32_t RecordBank::SlotForGuess(Pool* pool) {
  // Guesses under way cannot be evicted before they are read: they leave the leases their slots,
  // and half of what is beyond.
  const uint32_t reserved = pool->least + pool->pinned_count;
  const uint32_t live = pool->live_count();
  const uint32_t beyond = live > reserved ? live - reserved : 0;
  if (pool->guesses_under_way >= (beyond + 1) / 2) return kNone;
  const uint32_t slot = pool->free.front();
  if (slot == kNone) return EvictOne(pool, Spare::kFreshGuesses);
  pool->free.Remove(slot);
  return slot;
}

void RecordBank::Occupy(uint32_t index, uint32_t record, bool demanded) {
  Slot& slot = slots_[index];
  slot.state = State::kQueued;
  slot.demanded = demanded;
  slot.unused = !demanded;
  slot.own_file = false;
  slot.tier = kNone;
  slot.record = record;
  slot.queued_ns = NowNs();
  slot.guessed_at = demanded ? 0 : last_ticket_;
  slot_of_record_[record] = index;
  policy_->Insert(record, demanded);
  (demanded ? demand_ : guesses_).PushBack(index);
  PoolOfSlot(index).guesses_under_way += !demanded;
}

// A slot that is in no list, whose record is not to be kept: it is free.
void RecordBank::Vacate(uint32_t index) {
  Slot& slot = slots_[index];
  policy_->Remove(slot.record);
  slot_of_record_[slot.record] = kNone;
  slot = Slot();
  PoolOfSlot(index).free.PushBack(index);
}

void RecordBank::DropGuess(uint32_t slot) {
  guesses_.Remove(slot);
  --PoolOfSlot(slot).guesses_under_way;
  ++stats_.dropped_prefetch_count;
  Vacate(slot);
}

void RecordBank::Unreference(uint32_t index) {
  Slot& slot = slots_[index];
  if (--slot.references > 0 || slot.state != State::kQueued) return;
  // Nobody waits for a read that has not begun.
  demand_.Remove(index);
  Vacate(index);
}

// Gives the memory of slots beyond the targets back, as far as they are not in use.
void RecordBank::Shrink() {
  for (const auto& pool : pools_) {
    while (pool->live_count() > pool->target) {
      if (!ShrinkByOne(pool.get())) break;
    }
  }
}

bool RecordBank::ShrinkByOne(Pool* pool) {
  uint32_t slot = pool->free.front();
  if (slot != kNone) {
    pool->free.Remove(slot);
  } else {
    slot = EvictOne(pool, Spare::kFreshGuessesLast);
    if (slot == kNone) return false;
  }
  slot = MakeRoomAtTheEnd(pool, slot);
  slots_[slot] = Slot();
  slots_[slot].state = State::kRetired;
  pool->retired.PushBack(slot);
  const uint64_t stride = pool->layout.slot_stride;
  pool->memory.GiveBack((slot - pool->first) * stride, stride);
  return true;
}

// `slot` is in no list and holds nothing. Returns such a slot as far to the end as can be had,
// moving what is there. A huge page goes back to the system only as a whole, and slots are about as
// large: given back here and there, they would give back nothing.
uint32_t RecordBank::MakeRoomAtTheEnd(Pool* pool, uint32_t slot) {
  const uint64_t stride = pool->layout.slot_stride;
  for (uint32_t last = pool->first + pool->count - 1; last > slot; --last) {
    Slot& from = slots_[last];
    if (from.state == State::kFree) {
      pool->free.Remove(last);
      slots_[slot] = Slot();
      pool->free.PushBack(slot);
      return last;
    }
    if (from.state != State::kReady || from.references > 0) continue;
    uint8_t* const source = pool->Address(last);
    uint8_t* const target = pool->Address(slot);
    memcpy(target, source, stride);
    for (size_t i = 0; i < layout_.most_pieces; ++i) {
      const void* const piece = pieces_[size_t{last} * layout_.most_pieces + i];
      const bool moves = piece >= source && piece < source + stride;
      pieces_[size_t{slot} * layout_.most_pieces + i] =
          moves ? target + (static_cast<const uint8_t*>(piece) - source) : piece;
    }
    slots_[slot] = from;
    slot_of_record_[from.record] = slot;
    return last;
  }
  return slot;
}

RecordBank::Pool& RecordBank::PoolOfSlot(uint32_t slot) {
  size_t i = 0;
  while (slot - pools_[i]->first >= pools_[i]->count) ++i;
  return *pools_[i];
}

std::vector<uint32_t> RecordBank::LiveCounts() const {
  std::vector<uint32_t> counts;
  for (const auto& pool : pools_) counts.push_back(pool->live_count());
  return counts;
}

kl_code RecordBank::Pin(uint64_t id, bool pinned, kl_error* error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (id >= source_.record_count) {
    return kl_fail(error, KL_NOT_FOUND, "pin: no record %llu; there are %llu", Number{id},
                   Number{source_.record_count});
  }
  const kl_code code = CheckIds("pin", &id, 1, error);
  if (code != KL_OK) return code;
  if ((pinned_[id] != 0) == pinned) return KL_OK;
  Pool& pool = PoolOfRecord(static_cast<uint32_t>(id));
  const uint32_t most = std::min(pool.target, pool.live_count());
  // Where every record has a slot, none of them is ever in another one's way.
  const bool all_fit = most == plan_.groups[GroupOf(source_, id)].record_count;
  if (pinned && !all_fit && uint64_t{pool.pinned_count} + 1 + pool.least > most) {
    return kl_fail(error, KL_OUT_OF_BUDGET,
                   "pin: %u records are pinned already, and %u of the %u slots are kept for leases",
                   pool.pinned_count, pool.least, pool.target);
  }
  pinned_[id] = pinned;
  pinned ? ++pool.pinned_count : --pool.pinned_count;
  if (!pinned) {
    Shrink();
    GiveWaitingPlacesSlots();
    StartReads();
    changed_.notify_all();
  }
  return KL_OK;
}

}  // namespace record_bank
