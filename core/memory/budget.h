// A ledger of the memory that a runtime has promised itself: every large buffer is reserved here
// before it is allocated, so that a limit is an error at set-up and never a surprise later.
//
//   budget 4 GiB = weights 2.3 GB + packed 0.2 GB + cache 0.3 GB + arena ... + scratch ...
//
// One holder may be elastic: a cache that takes what is left and gives way when others need memory.
#ifndef KINGLET_CORE_MEMORY_BUDGET_H_
#define KINGLET_CORE_MEMORY_BUDGET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kinglet {

struct BudgetLedger;

// Bytes held until this is destroyed. Movable; may outlive the Budget.
class Reservation {
 public:
  Reservation() = default;  // of nothing
  Reservation(Reservation&& other) noexcept { *this = std::move(other); }
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { Release(); }

  uint64_t bytes() const { return bytes_; }
  void Release();

 private:
  friend class Budget;
  std::shared_ptr<BudgetLedger> ledger_;
  std::string name_;
  uint64_t bytes_ = 0;
};

// Thread safe.
class Budget {
 public:
  // Makes its reservation smaller by `bytes`, or by as much as it can (SetBytes()).
  using GiveWayFunction = std::function<void(uint64_t bytes)>;

  // 0: no limit, usage is counted all the same.
  explicit Budget(uint64_t limit_bytes);

  // Errors: KL_OUT_OF_BUDGET when the sum would exceed the limit; the message lists what holds how
  // much and which limit would do. Nothing is reserved then.
  // Before it refuses, it asks the elastic holder to give way: the limit in the message is the
  // smallest that would do.
  absl::StatusOr<Reservation> Reserve(absl::string_view name, uint64_t bytes);

  // Changes what a reservation of this budget holds, without asking the elastic holder. Growing
  // may be refused as above; shrinking always works.
  absl::Status SetBytes(Reservation* reservation, uint64_t bytes);

  // The same, asking the elastic holder to give way before it refuses to grow.
  absl::Status Grow(Reservation* reservation, uint64_t bytes);

  // Called from within Reserve(), on the caller's thread, when memory is short. Empty: nobody. At
  // set-up, before others reserve; cleared before what it refers to is destroyed.
  void SetElastic(GiveWayFunction give_way);

  uint64_t limit_bytes() const;
  uint64_t used_bytes() const;
  uint64_t free_bytes() const;  // UINT64_MAX without a limit
  uint64_t peak_bytes() const;

  // Bytes by name, names in the order of their first reservation; names that hold nothing left out.
  std::vector<std::pair<std::string, uint64_t>> Usage() const;

 private:
  std::shared_ptr<BudgetLedger> ledger_;
  GiveWayFunction give_way_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_MEMORY_BUDGET_H_
