#include "plugins/expert_bank/expert_bank.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/abi/error.h"

namespace expert_bank {
namespace {

using Clock = std::chrono::steady_clock;
using Number = unsigned long long;  // NOLINT: what %llu takes

// A ticket's number says what it was, also when it is over: prefetches are odd.
bool IsGuess(kl_bank_ticket ticket) { return ticket % 2 == 1; }

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

}  // namespace

// ---- tickets ----

kl_code ExpertBank::Submit(const uint64_t* ids, uint32_t count, uint32_t kind,
                           kl_bank_ticket* ticket, kl_error* error) {
  if (kind != KL_SUBMIT_DEMAND && kind != KL_SUBMIT_PREFETCH) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "submit: kind %u is no KL_SUBMIT_*", kind);
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (ids[i] < source_.record_count) continue;
    return kl_fail(error, KL_INVALID_ARGUMENT, "submit: no record %llu; there are %llu",
                   Number{ids[i]}, Number{source_.record_count});
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  last_ticket_ += 2;
  if (kind == KL_SUBMIT_PREFETCH) {
    *ticket = last_ticket_ + 1;
    SubmitGuess(ids, count, *ticket);
  } else {
    Ticket* made = NewTicket();
    made->id = *ticket = last_ticket_;
    for (uint32_t i = 0; i < count; ++i) {
      made->places.push_back({static_cast<uint32_t>(ids[i]), kNone});
    }
    // What is there is taken first, so that none of it is evicted for what is not.
    for (Place& place : made->places) {
      if (slot_of_record_[place.record] != kNone) TakeResident(&place);
    }
    waiting_places_ += static_cast<uint32_t>(std::count_if(
        made->places.begin(), made->places.end(), [](const Place& p) { return p.slot == kNone; }));
    for (Place& place : made->places) {
      if (place.slot != kNone) continue;
      ++stats_.miss_count;
      GiveSlot(&place);
    }
  }
  StartReads();
  return KL_OK;
}

ExpertBank::Ticket* ExpertBank::NewTicket() {
  for (const auto& ticket : tickets_) {
    if (ticket->id == 0) return ticket.get();
  }
  tickets_.push_back(std::make_unique<Ticket>());
  return tickets_.back().get();
}

ExpertBank::Ticket* ExpertBank::Find(kl_bank_ticket id) {
  if (id == 0) return nullptr;
  for (const auto& ticket : tickets_) {
    if (ticket->id == id) return ticket.get();
  }
  return nullptr;
}

void ExpertBank::EndTicket(Ticket* ticket) {
  for (const Place& place : ticket->places) {
    if (place.slot == kNone) {
      --waiting_places_;
    } else {
      Unreference(place.slot);
    }
  }
  ticket->places.clear();
  ticket->failed = KL_OK;
  ticket->id = 0;
}

void ExpertBank::Cancel(kl_bank_ticket ticket) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (IsGuess(ticket)) {
    for (Guess& guess : recent_guesses_) {
      if (guess.id != ticket) continue;
      for (const uint32_t record : guess.records) {
        const uint32_t slot = slot_of_record_[record];
        if (slot != kNone && slots_[slot].state == State::kQueued && !slots_[slot].demanded) {
          DropGuess(slot);
        }
      }
      guess.id = 0;
    }
  } else if (Ticket* found = Find(ticket)) {
    EndTicket(found);
  }
  Shrink();
  GiveWaitingPlacesSlots();
  StartReads();
  changed_.notify_all();
}

kl_bank_answer ExpertBank::NextReady(kl_bank_ticket ticket, int64_t wait_ns, kl_lease* lease,
                                     kl_error* error) {
  std::unique_lock<std::mutex> lock(mutex_);
  const int64_t begin_ns = wait_ns > 0 ? NowNs() : 0;
  // Far enough for anybody, and no overflow.
  const auto deadline =
      Clock::now() + std::chrono::nanoseconds(std::clamp<int64_t>(wait_ns, 0, int64_t{1} << 60));
  bool slept = false;
  const auto answer = [&](kl_bank_answer value) {
    if (slept) stats_.stall_ns += static_cast<uint64_t>(NowNs() - begin_ns);
    return value;
  };
  for (bool late = false;;) {
    if (IsGuess(ticket)) {
      if (!GuessIsUnderWay(ticket)) return answer(KL_BANK_DONE);
    } else {
      Ticket* found = Find(ticket);
      if (found == nullptr) {
        kl_fail(error, KL_INVALID_ARGUMENT, "next_ready: ticket %llu is over, or never was",
                Number{ticket});
        return answer(KL_BANK_FAILED);
      }
      if (found->failed != KL_OK) {
        kl_fail(error, found->failed, "%s", found->error.message);
        EndTicket(found);
        StartReads();
        changed_.notify_all();
        return answer(KL_BANK_FAILED);
      }
      if (found->places.empty()) {
        EndTicket(found);
        return answer(KL_BANK_DONE);
      }
      bool under_way = false;
      for (size_t i = 0; i < found->places.size(); ++i) {
        const uint32_t slot = found->places[i].slot;
        if (slot == kNone) continue;
        if (slots_[slot].state == State::kReady) {
          HandOut(found, i, lease);
          return answer(KL_BANK_READY);
        }
        under_way = true;
      }
      if (!under_way && !SomethingFreesItself()) return answer(KL_BANK_EXHAUSTED);
    }
    if (wait_ns <= 0 || late) return answer(KL_BANK_PENDING);
    slept = true;
    late = changed_.wait_until(lock, deadline) == std::cv_status::timeout;
  }
}

void ExpertBank::HandOut(Ticket* ticket, size_t place, kl_lease* lease) {
  const uint32_t slot = ticket->places[place].slot;
  ticket->places.erase(ticket->places.begin() + static_cast<std::ptrdiff_t>(place));
  ++slots_[slot].leases;  // the place's reference is the lease's now
  const kl_bank_record& record = source_.records[slots_[slot].record];
  const void* const* pieces = &pieces_[size_t{slot} * layout_.most_pieces];
  lease->id = slots_[slot].record;
  lease->slot = slot;
  lease->bytes = layout_.slot_bytes;
  lease->data = memory_.data() + slot * layout_.slot_stride;
  if (!layout_.unpacks) {
    lease->data = pieces[0];
    lease->bytes = 0;
    for (uint32_t i = 0; i < record.piece_count; ++i) lease->bytes += record.pieces[i].bytes;
  }
  if (KL_HAS_FIELD(lease, kl_lease, pieces)) lease->pieces = layout_.unpacks ? nullptr : pieces;
}

void ExpertBank::Release(const kl_lease& lease) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (lease.slot >= slots_.size() || slots_[lease.slot].leases == 0) {
    Log(KL_LOG_ERROR, "expert_bank: a lease was released that is not out");
    return;
  }
  const auto slot = static_cast<uint32_t>(lease.slot);
  --slots_[slot].leases;
  Unreference(slot);
  if (slots_[slot].references > 0) return;
  Shrink();
  if (waiting_places_ == 0) return;
  GiveWaitingPlacesSlots();
  StartReads();
  changed_.notify_all();
}

// ---- slots ----

// The record has a slot, ready or not: the place takes part in it.
void ExpertBank::TakeResident(Place* place) {
  const uint32_t index = slot_of_record_[place->record];
  Slot& slot = slots_[index];
  place->slot = index;
  if (slot.unused) {
    slot.unused = false;
    ++stats_.useful_prefetch_count;
    if (slot.state != State::kReady) --guesses_under_way_;
  }
  ++slot.references;
  policy_->Touch(place->record);
  if (slot.state == State::kReady) {
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
bool ExpertBank::GiveSlot(Place* place) {
  if (slot_of_record_[place->record] != kNone) {
    // Somebody else asked for it meanwhile; it has been counted as a miss already.
    const uint64_t hits = stats_.hit_count, misses = stats_.miss_count;
    TakeResident(place);
    stats_.hit_count = hits;
    stats_.miss_count = misses;
  } else {
    const uint32_t slot = SlotForDemand();
    if (slot == kNone) return false;
    Occupy(slot, place->record, /*demanded=*/true);
    slots_[slot].references = 1;
    place->slot = slot;
  }
  --waiting_places_;
  return true;
}

void ExpertBank::GiveWaitingPlacesSlots() {
  if (waiting_places_ == 0 || closing_) return;
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
      if (place.slot == kNone && !GiveSlot(&place)) return;
    }
  }
}

uint32_t ExpertBank::EvictOne() {
  const auto may_evict = [this](uint32_t record) {
    const Slot& slot = slots_[slot_of_record_[record]];
    return slot.state == State::kReady && slot.references == 0 && !pinned_[record];
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
uint32_t ExpertBank::SlotForDemand() {
  uint32_t slot = free_.front();
  if (slot != kNone) {
    free_.Remove(slot);
    return slot;
  }
  slot = EvictOne();
  if (slot != kNone) return slot;
  // A guess that storage has not begun with makes room; the latest first.
  slot = guesses_.back();
  if (slot == kNone) return kNone;
  DropGuess(slot);
  free_.Remove(slot);
  return slot;
}

uint32_t ExpertBank::SlotForGuess() {
  // Guesses under way cannot be evicted before they are read: they leave the leases their slots,
  // and half of what is beyond.
  const uint32_t reserved = min_lease_count_ + pinned_count_;
  const uint32_t beyond = live_count() > reserved ? live_count() - reserved : 0;
  if (guesses_under_way_ >= (beyond + 1) / 2) return kNone;
  const uint32_t slot = free_.front();
  if (slot == kNone) return EvictOne();
  free_.Remove(slot);
  return slot;
}

void ExpertBank::Occupy(uint32_t index, uint32_t record, bool demanded) {
  Slot& slot = slots_[index];
  slot.state = State::kQueued;
  slot.demanded = demanded;
  slot.unused = !demanded;
  slot.record = record;
  slot.queued_ns = NowNs();
  slot_of_record_[record] = index;
  policy_->Insert(record, demanded);
  (demanded ? demand_ : guesses_).PushBack(index);
  guesses_under_way_ += !demanded;
}

// A slot that is in no list, whose record is not to be kept: it is free.
void ExpertBank::Vacate(uint32_t index) {
  Slot& slot = slots_[index];
  policy_->Remove(slot.record);
  slot_of_record_[slot.record] = kNone;
  slot = Slot();
  free_.PushBack(index);
}

void ExpertBank::DropGuess(uint32_t slot) {
  guesses_.Remove(slot);
  --guesses_under_way_;
  ++stats_.dropped_prefetch_count;
  Vacate(slot);
}

void ExpertBank::Unreference(uint32_t index) {
  Slot& slot = slots_[index];
  if (--slot.references > 0 || slot.state != State::kQueued) return;
  // Nobody waits for a read that has not begun.
  demand_.Remove(index);
  Vacate(index);
}

// Gives the memory of slots beyond the target back, as far as they are not in use.
void ExpertBank::Shrink() {
  while (live_count() > target_slot_count_) {
    uint32_t slot = free_.front();
    if (slot != kNone) {
      free_.Remove(slot);
    } else {
      slot = EvictOne();
      if (slot == kNone) return;
    }
    slot = MakeRoomAtTheEnd(slot);
    slots_[slot] = Slot();
    slots_[slot].state = State::kRetired;
    retired_.PushBack(slot);
    memory_.GiveBack(slot * layout_.slot_stride, layout_.slot_stride);
  }
}

// `slot` is in no list and holds nothing. Returns such a slot as far to the end as can be had, moving what is there. A huge
// page goes back to the system only as a whole, and slots are about as large: given back here and there, they would give
// back nothing.
uint32_t ExpertBank::MakeRoomAtTheEnd(uint32_t slot) {
  for (uint32_t last = static_cast<uint32_t>(slots_.size()) - 1; last > slot; --last) {
    Slot& from = slots_[last];
    if (from.state == State::kFree) {
      free_.Remove(last);
      slots_[slot] = Slot();
      free_.PushBack(slot);
      return last;
    }
    if (from.state != State::kReady || from.references > 0) continue;
    uint8_t* const source = memory_.data() + last * layout_.slot_stride;
    uint8_t* const target = memory_.data() + slot * layout_.slot_stride;
    memcpy(target, source, layout_.slot_stride);
    for (size_t i = 0; i < layout_.most_pieces; ++i) {
      const void* const piece = pieces_[size_t{last} * layout_.most_pieces + i];
      const bool moves = piece >= source && piece < source + layout_.slot_stride;
      pieces_[size_t{slot} * layout_.most_pieces + i] =
          moves ? target + (static_cast<const uint8_t*>(piece) - source) : piece;
    }
    slots_[slot] = from;
    slot_of_record_[from.record] = slot;
    return last;
  }
  return slot;
}

kl_code ExpertBank::Pin(uint64_t id, bool pinned, kl_error* error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (id >= source_.record_count) {
    return kl_fail(error, KL_NOT_FOUND, "pin: no record %llu; there are %llu", Number{id},
                   Number{source_.record_count});
  }
  if ((pinned_[id] != 0) == pinned) return KL_OK;
  if (pinned &&
      uint64_t{pinned_count_} + 1 + min_lease_count_ > std::min(target_slot_count_, live_count())) {
    return kl_fail(error, KL_OUT_OF_BUDGET,
                   "pin: %u records are pinned already, and %u of the %u slots are kept for leases",
                   pinned_count_, min_lease_count_, target_slot_count_);
  }
  pinned_[id] = pinned;
  pinned ? ++pinned_count_ : --pinned_count_;
  if (!pinned) {
    Shrink();
    GiveWaitingPlacesSlots();
    StartReads();
    changed_.notify_all();
  }
  return KL_OK;
}

// ---- guesses ----

void ExpertBank::SubmitGuess(const uint64_t* ids, uint32_t count, kl_bank_ticket id) {
  Guess& guess = recent_guesses_[next_guess_++ % recent_guesses_.size()];
  guess.id = id;
  guess.records.clear();
  for (uint32_t i = 0; i < count; ++i) {
    const auto record = static_cast<uint32_t>(ids[i]);
    if (slot_of_record_[record] != kNone) continue;
    // While somebody waits for a slot, a guess takes none.
    const uint32_t slot = waiting_places_ > 0 ? kNone : SlotForGuess();
    if (slot == kNone) {
      ++stats_.dropped_prefetch_count;
      continue;
    }
    Occupy(slot, record, /*demanded=*/false);
    guess.records.push_back(record);
  }
}

bool ExpertBank::GuessIsUnderWay(kl_bank_ticket id) const {
  for (const Guess& guess : recent_guesses_) {
    if (guess.id != id) continue;
    return std::any_of(guess.records.begin(), guess.records.end(), [this](uint32_t record) {
      const uint32_t slot = slot_of_record_[record];
      return slot != kNone && slots_[slot].state != State::kReady;
    });
  }
  return false;
}

// Whether a slot becomes free without anybody's release.
bool ExpertBank::SomethingFreesItself() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.references == 0 && (slot.state == State::kLoading || slot.state == State::kQueued);
  });
}

// ---- reads ----

void ExpertBank::StartReads() {
  while (!closing_) {
    const bool demanded = !demand_.empty();
    const uint32_t index = demanded ? demand_.front() : guesses_.front();
    if (index == kNone) return;
    // What is asked for next finds half of the depth free.
    if (!demanded && guesses_loading_ >= std::max(1u, plan_.job_count / 2)) return;
    Slot& slot = slots_[index];
    Target target;
    target.slot = index;
    target.id = slot.record;
    target.data = memory_.data() + index * layout_.slot_stride;
    target.pieces = &pieces_[size_t{index} * layout_.most_pieces];
    slot.state = State::kLoading;
    if (!loader_->Start(target)) {
      slot.state = State::kQueued;
      return;
    }
    (demanded ? demand_ : guesses_).Remove(index);
    ++loading_count_;
    slot.guessed = !demanded;
    guesses_loading_ += !demanded;
    stats_.prefetch_count += !demanded;
  }
}

void ExpertBank::OnLoaded(uint32_t index, kl_code code, const kl_error& error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Slot& slot = slots_[index];
  --loading_count_;
  guesses_loading_ -= slot.guessed;
  if (slot.unused) --guesses_under_way_;
  if (code == KL_OK) {
    slot.state = State::kReady;
    ++stats_.read_count;
    stats_.read_ns += static_cast<uint64_t>(NowNs() - slot.queued_ns);
  } else {
    ++stats_.failed_count;
    for (const auto& ticket : tickets_) {
      if (ticket->id == 0) continue;
      for (Place& place : ticket->places) {
        if (place.slot != index) continue;
        place.slot = kNone;
        ++waiting_places_;
        if (ticket->failed != KL_OK) continue;
        ticket->failed = code;
        ticket->error = error;
      }
    }
    Vacate(index);
  }
  Shrink();
  GiveWaitingPlacesSlots();
  StartReads();
  // Under the lock: the bank may be gone as soon as its closing sees nothing loading.
  changed_.notify_all();
}

}  // namespace expert_bank
