#include "plugins/common/record_bank/record_bank.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/abi/error.h"

namespace record_bank {
namespace {

using Clock = std::chrono::steady_clock;
using Number = unsigned long long;  // NOLINT: what %llu takes

// A ticket's number says what it was, also when it is over: prefetches are odd.
bool IsGuess(kl_bank_ticket ticket) { return ticket % 2 == 1; }

// What is asked for next shares storage with the guesses under way, and finds half of the depth free in any case. A few
// guesses are read two at a time: the next one is on its way while the last is verified, and no more of them delay a demand.
// A long list (a whole layer of a prompt) is read deeper, which some storage needs to be fast.
uint32_t MostGuessesLoading(uint32_t depth, uint32_t waiting) {
  return std::max(1u, std::min(depth / 2, std::max(2u, waiting / 4)));
}

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

}  // namespace

// ---- tickets ----

// Before anything is done for any of them: a record that must never be read has no place to read.
kl_code RecordBank::CheckIds(const char* call, const uint64_t* ids, uint32_t count,
                             kl_error* error) const {
  for (uint32_t i = 0; i < count; ++i) {
    if (ids[i] >= source_.record_count) {
      return kl_fail(error, KL_INVALID_ARGUMENT, "%s: no record %llu; there are %llu", call,
                     Number{ids[i]}, Number{source_.record_count});
    }
    if (source_.records[ids[i]].piece_count == 0) {
      return kl_fail(error, KL_NOT_FOUND, "%s: record %llu is absent or denied: it is never read",
                     call, Number{ids[i]});
    }
  }
  return KL_OK;
}

kl_code RecordBank::Submit(const uint64_t* ids, uint32_t count, uint32_t kind,
                           kl_bank_ticket* ticket, kl_error* error) {
  if (kind != KL_SUBMIT_DEMAND && kind != KL_SUBMIT_PREFETCH) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "submit: kind %u is no KL_SUBMIT_*", kind);
  }
  const kl_code code = CheckIds("submit", ids, count, error);
  if (code != KL_OK) return code;
  const std::lock_guard<std::mutex> lock(mutex_);
  last_ticket_ += 2;
  if (kind == KL_SUBMIT_PREFETCH) {
    *ticket = last_ticket_ + 1;
    SubmitGuess(ids, count, *ticket);
  } else {
    Ticket* made = NewTicket();
    made->id = *ticket = last_ticket_;
    for (uint32_t i = 0; i < count; ++i) {
      made->places.push_back({static_cast<uint32_t>(ids[i]), kNone, false});
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

RecordBank::Ticket* RecordBank::NewTicket() {
  for (const auto& ticket : tickets_) {
    if (ticket->id == 0) return ticket.get();
  }
  tickets_.push_back(std::make_unique<Ticket>());
  return tickets_.back().get();
}

RecordBank::Ticket* RecordBank::Find(kl_bank_ticket id) {
  if (id == 0) return nullptr;
  for (const auto& ticket : tickets_) {
    if (ticket->id == id) return ticket.get();
  }
  return nullptr;
}

void RecordBank::EndTicket(Ticket* ticket) {
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

void RecordBank::Cancel(kl_bank_ticket ticket) {
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

kl_bank_answer RecordBank::NextReady(kl_bank_ticket ticket, int64_t wait_ns, kl_lease* lease,
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
      if (!under_way && !SomethingFreesItself(*found)) return answer(KL_BANK_EXHAUSTED);
    }
    if (wait_ns <= 0 || late) return answer(KL_BANK_PENDING);
    slept = true;
    late = changed_.wait_until(lock, deadline) == std::cv_status::timeout;
  }
}

void RecordBank::HandOut(Ticket* ticket, size_t place, kl_lease* lease) {
  const uint32_t slot = ticket->places[place].slot;
  const bool hit = ticket->places[place].hit;
  ticket->places.erase(ticket->places.begin() + static_cast<std::ptrdiff_t>(place));
  ++slots_[slot].leases;  // the place's reference is the lease's now
  const kl_bank_record& record = source_.records[slots_[slot].record];
  const void* const* pieces = &pieces_[size_t{slot} * layout_.most_pieces];
  lease->id = slots_[slot].record;
  lease->slot = slot;
  const Pool& pool = PoolOfSlot(slot);
  lease->bytes = pool.layout.slot_bytes;
  lease->data = pool.Address(slot);
  if (!layout_.unpacks) {
    lease->data = pieces[0];
    lease->bytes = 0;
    for (uint32_t i = 0; i < record.piece_count; ++i) lease->bytes += record.pieces[i].bytes;
  }
  if (KL_HAS_FIELD(lease, kl_lease, pieces)) lease->pieces = layout_.unpacks ? nullptr : pieces;
  if (KL_HAS_FIELD(lease, kl_lease, origin)) {
    const uint32_t tier = slots_[slot].tier;
    lease->origin = KL_BANK_ORIGIN_FILE;
    if (tier != kNone) lease->origin = KL_BANK_ORIGIN_TIER + tier;
    if (hit) lease->origin = KL_BANK_ORIGIN_MEMORY;
    lease->reserved = 0;
  }
}

void RecordBank::Release(const kl_lease& lease) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (lease.slot >= slots_.size() || slots_[lease.slot].leases == 0) {
    Log(KL_LOG_ERROR, std::string(kind_.name) + ": a lease was released that is not out");
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

// ---- guesses ----

void RecordBank::SubmitGuess(const uint64_t* ids, uint32_t count, kl_bank_ticket id) {
  Guess& guess = recent_guesses_[next_guess_++ % recent_guesses_.size()];
  guess.id = id;
  guess.records.clear();
  for (uint32_t i = 0; i < count; ++i) {
    const auto record = static_cast<uint32_t>(ids[i]);
    if (slot_of_record_[record] != kNone) {
      // It is not to be given up for another guess.
      slots_[slot_of_record_[record]].guessed_at = last_ticket_;
      continue;
    }
    // While somebody waits for a slot, a guess takes none.
    const uint32_t slot = waiting_places_ > 0 ? kNone : SlotForGuess(&PoolOfRecord(record));
    if (slot == kNone) {
      ++stats_.dropped_prefetch_count;
      continue;
    }
    Occupy(slot, record, /*demanded=*/false);
    guess.records.push_back(record);
  }
}

bool RecordBank::GuessIsUnderWay(kl_bank_ticket id) const {
  for (const Guess& guess : recent_guesses_) {
    if (guess.id != id) continue;
    return std::any_of(guess.records.begin(), guess.records.end(), [this](uint32_t record) {
      const uint32_t slot = slot_of_record_[record];
      return slot != kNone && slots_[slot].state != State::kReady;
    });
  }
  return false;
}

// Whether a slot that a place of the ticket could take becomes free without anybody's release.
bool RecordBank::SomethingFreesItself(const Ticket& ticket) {
  return std::any_of(ticket.places.begin(), ticket.places.end(), [this](const Place& place) {
    const Pool& pool = PoolOfRecord(place.record);
    for (uint32_t slot = pool.first; slot < pool.first + pool.count; ++slot) {
      const State state = slots_[slot].state;
      if (slots_[slot].references == 0 && (state == State::kLoading || state == State::kQueued)) {
        return true;
      }
    }
    return false;
  });
}

// ---- reads ----

void RecordBank::StartReads() {
  StartQueued();
  if (places_ == nullptr) return;
  const bool busy = !demand_.empty() || loading_count_ > 0;
  if (busy != told_busy_) places_->SetBusy(busy);
  told_busy_ = busy;
}

void RecordBank::StartQueued() {
  while (!closing_) {
    const bool demanded = !demand_.empty();
    const uint32_t index = demanded ? demand_.front() : guesses_.front();
    if (index == kNone) return;
    if (!demanded && guesses_loading_ >= MostGuessesLoading(plan_.job_count, guesses_.size())) return;
    Slot& slot = slots_[index];
    Target target;
    target.slot = index;
    target.id = slot.record;
    target.data = PoolOfSlot(index).Address(index);
    target.pieces = &pieces_[size_t{index} * layout_.most_pieces];
    uint32_t tier = kNone;
    if (places_ != nullptr && !slot.own_file) {
      target.is_copy = places_->Find(slot.record, &target.copy, &tier);
    }
    slot.tier = target.is_copy ? tier : kNone;
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

// The copy of a record was no good: it is read once more, where it is right.
void RecordBank::ReadOwnFile(uint32_t index) {
  Slot& slot = slots_[index];
  places_->Forget(slot.record);
  ++copy_failure_count_;
  slot.own_file = true;
  slot.state = State::kQueued;
  slot.demanded = slot.demanded || !slot.unused;
  (slot.demanded ? demand_ : guesses_).PushBack(index);
}

void RecordBank::OnLoaded(uint32_t index, kl_code code, const kl_error& error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Slot& slot = slots_[index];
  --loading_count_;
  guesses_loading_ -= slot.guessed;
  const bool from_copy = slot.tier != kNone;
  if (code != KL_OK && from_copy && !closing_) {
    ReadOwnFile(index);
    StartReads();
    return;
  }
  if (slot.unused) --PoolOfSlot(index).guesses_under_way;
  if (code == KL_OK) {
    slot.state = State::kReady;
    if (places_ != nullptr && !from_copy) places_->OnRead(slot.record);
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

}  // namespace record_bank
