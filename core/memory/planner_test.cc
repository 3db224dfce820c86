#include "core/memory/planner.h"

#include <algorithm>
#include <random>

#include "core/abi/error.h"
#include "core/base/status.h"
#include "core/memory/greedy_planner.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using Requests = std::vector<kl_memory_request>;

// Independent of the checks in planner.cc: paints every byte at every node.
// Returns whether no byte has two owners, other than one that took over the other.
bool PaintsCleanly(const Requests& requests, const MemoryPlan& plan) {
  int32_t last = 0;
  for (const auto& request : requests) last = std::max(last, request.last_node);
  for (int32_t node = 0; node <= last; ++node) {
    std::vector<int32_t> owner(plan.peak_bytes, -1);
    for (size_t i = 0; i < requests.size(); ++i) {
      const auto& request = requests[i];
      if (node < request.first_node || node > request.last_node) continue;
      for (uint64_t b = plan.offsets[i]; b < plan.offsets[i] + request.bytes; ++b) {
        if (b >= owner.size()) return false;
        const int32_t other = owner[b];
        if (other >= 0) {
          const auto took_over = [&](int32_t taker, int32_t source) {
            return requests[taker].may_alias == source &&
                   requests[taker].first_node == requests[source].last_node;
          };
          const int32_t self = static_cast<int32_t>(i);
          if (!took_over(self, other) && !took_over(other, self)) return false;
        }
        owner[b] = static_cast<int32_t>(i);
      }
    }
  }
  return true;
}

Requests RandomRequests(std::mt19937_64* random, bool aliases) {
  const auto below = [&](uint64_t n) { return (*random)() % n; };
  Requests requests;
  const size_t count = below(24);
  for (size_t i = 0; i < count; ++i) {
    const int32_t first = static_cast<int32_t>(below(12));
    kl_memory_request request = {below(8) == 0 ? 0 : 1 + below(300), first,
                                 first + static_cast<int32_t>(below(5)), -1};
    if (aliases && i > 0 && below(2) == 0) {
      request.may_alias = static_cast<int32_t>(below(i));
      if (below(4) != 0) {  // mostly such that it can happen
        request.first_node = requests[request.may_alias].last_node;
        request.last_node = request.first_node + static_cast<int32_t>(below(5));
      }
    }
    requests.push_back(request);
  }
  return requests;
}

TEST(GreedyPlannerTest, RandomPlansNeverOverlap) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 3000; ++round) {
    const Requests requests = RandomRequests(&random, /*aliases=*/round % 2 == 0);
    const uint64_t alignment = 1ull << (random() % 7);
    const auto plan = PlanMemory(GreedyPlanner(), requests, alignment);
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_TRUE(PaintsCleanly(requests, *plan)) << "round " << round;
    ASSERT_GE(plan->peak_bytes, plan->lower_bound_bytes) << "round " << round;
    for (uint64_t offset : plan->offsets) ASSERT_EQ(offset % alignment, 0u);
  }
}

TEST(GreedyPlannerTest, TheSameRequestsGiveTheSamePlan) {
  std::mt19937_64 random(8);
  const Requests requests = RandomRequests(&random, true);
  const auto first = PlanMemory(GreedyPlanner(), requests, 64);
  const auto second = PlanMemory(GreedyPlanner(), requests, 64);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->offsets, second->offsets);
}

TEST(GreedyPlannerTest, MemoryIsUsedAgainAfterItsLastReader) {
  const Requests requests = {{64, 0, 1, -1}, {64, 1, 2, -1}, {64, 2, 3, -1}};
  const auto plan = PlanMemory(GreedyPlanner(), requests, 64);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->peak_bytes, 128u);
  EXPECT_EQ(plan->lower_bound_bytes, 128u);
  EXPECT_EQ(plan->offsets[0], plan->offsets[2]);
}

TEST(GreedyPlannerTest, AChainInPlaceNeedsOneBuffer) {
  const Requests requests = {{64, 0, 1, -1}, {64, 1, 2, 0}, {64, 2, 3, 1}, {64, 3, 4, 2}};
  const auto plan = PlanMemory(GreedyPlanner(), requests, 64);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->peak_bytes, 64u);
  EXPECT_EQ(plan->lower_bound_bytes, 64u);
}

TEST(GreedyPlannerTest, OnlyOneRequestTakesOverAnother) {
  const Requests requests = {{64, 0, 1, -1}, {64, 1, 2, 0}, {64, 1, 2, 0}};
  const auto plan = PlanMemory(GreedyPlanner(), requests, 64);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->peak_bytes, 128u);
}

TEST(GreedyPlannerTest, AnInputThatIsReadLaterIsNotTakenOver) {
  const Requests requests = {{64, 0, 5, -1}, {64, 1, 2, 0}};
  const auto plan = PlanMemory(GreedyPlanner(), requests, 64);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->peak_bytes, 128u);
  EXPECT_EQ(plan->lower_bound_bytes, 128u);
}

TEST(GreedyPlannerTest, TheTightestGapIsTaken) {
  // At node 1 two holes of 448 and 320 bytes lie between three buffers; 300 bytes fit into both.
  const Requests requests = {{512, 0, 9, -1}, {448, 0, 0, -1}, {384, 0, 9, -1},
                             {320, 0, 0, -1}, {304, 0, 9, -1}, {300, 1, 1, -1}};
  const auto plan = PlanMemory(GreedyPlanner(), requests, 64);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->offsets[5], plan->offsets[3]);
}

TEST(GreedyPlannerTest, ATransformerBlockStaysCloseToTheLowerBound) {
  // x, norm, q, k, v, attention, projection, sum, norm, gate, up, act, down, sum: eight times over.
  Requests requests;
  int32_t node = 0;
  const uint64_t d = 1536 * 4, f = 768 * 4 * 6;
  for (int layer = 0; layer < 8; ++layer, node += 10) {
    requests.push_back({d, node, node + 6, -1});
    requests.push_back({d, node, node + 3, -1});
    requests.push_back({d, node + 1, node + 4, -1});
    requests.push_back({d / 6, node + 2, node + 4, -1});
    requests.push_back({d / 6, node + 3, node + 4, -1});
    requests.push_back({d, node + 4, node + 5, -1});
    requests.push_back({d, node + 5, node + 6, -1});
    requests.push_back({d, node + 6, node + 10, -1});
    requests.push_back({f, node + 7, node + 9, -1});
    requests.push_back({f, node + 8, node + 9, -1});
    requests.push_back({d, node + 9, node + 10, -1});
  }
  const auto plan = PlanMemory(GreedyPlanner(), requests, 64);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_LE(plan->peak_bytes, plan->lower_bound_bytes + plan->lower_bound_bytes / 20);
}

TEST(PlanMemoryTest, NothingToPlanNeedsNothing) {
  const auto plan = PlanMemory(GreedyPlanner(), {}, 64);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->peak_bytes, 0u);
}

TEST(PlanMemoryTest, ImpossibleRequestsAreErrors) {
  const auto code = [](const Requests& requests, uint64_t alignment) {
    return CodeFromStatus(PlanMemory(GreedyPlanner(), requests, alignment).status());
  };
  EXPECT_EQ(code({{64, 0, 1, -1}}, 48), KL_INVALID_ARGUMENT);
  EXPECT_EQ(code({{64, 0, 1, -1}}, 0), KL_INVALID_ARGUMENT);
  EXPECT_EQ(code({{64, 2, 1, -1}}, 64), KL_INVALID_ARGUMENT);
  EXPECT_EQ(code({{64, -1, 1, -1}}, 64), KL_INVALID_ARGUMENT);
  EXPECT_EQ(code({{64, 0, 1, 0}}, 64), KL_INVALID_ARGUMENT);
  EXPECT_EQ(code({{64, 0, 1, 5}}, 64), KL_INVALID_ARGUMENT);
  EXPECT_EQ(code({{UINT64_MAX, 0, 1, -1}}, 64), KL_OUT_OF_BUDGET);
  EXPECT_EQ(code({{1ull << 63, 0, 1, -1}, {1ull << 63, 0, 1, -1}}, 64), KL_OUT_OF_BUDGET);
}

TEST(PlanMemoryTest, AWrongPlannerIsFoundOut) {
  kl_planner wrong = {sizeof(kl_planner), "wrong",
                      [](const kl_memory_request*, uint32_t count, uint64_t, uint64_t* offsets,
                         uint64_t* peak, kl_error*) -> kl_code {
                        std::fill(offsets, offsets + count, 0);
                        *peak = 64;
                        return KL_OK;
                      }};
  const auto overlap = PlanMemory(wrong, {{64, 0, 1, -1}, {64, 1, 2, -1}}, 64);
  EXPECT_EQ(CodeFromStatus(overlap.status()), KL_INTERNAL) << overlap.status();
  const auto too_small = PlanMemory(wrong, {{65, 0, 1, -1}}, 64);
  EXPECT_EQ(CodeFromStatus(too_small.status()), KL_INTERNAL) << too_small.status();
  EXPECT_TRUE(PlanMemory(wrong, {{64, 0, 1, -1}, {64, 2, 3, -1}}, 64).ok());

  wrong.plan = [](const kl_memory_request*, uint32_t, uint64_t, uint64_t*, uint64_t*,
                  kl_error* error) { return kl_fail(error, KL_OUT_OF_MEMORY, "too much"); };
  const auto failed = PlanMemory(wrong, {{64, 0, 1, -1}}, 64);
  EXPECT_EQ(CodeFromStatus(failed.status()), KL_OUT_OF_MEMORY);
}

}  // namespace
}  // namespace kinglet
