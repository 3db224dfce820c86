// What came of a check: passed, skipped with a reason, or failed with a message.
#ifndef KINGLET_TESTS_CONFORMANCE_OUTCOME_H_
#define KINGLET_TESTS_CONFORMANCE_OUTCOME_H_

#include <string>
#include <utility>

namespace kinglet {
namespace conformance {

struct Outcome {
  enum Kind { kPassed, kSkipped, kFailed };

  static Outcome Passed() { return {kPassed, ""}; }
  static Outcome Skipped(std::string why) { return {kSkipped, std::move(why)}; }
  static Outcome Failed(std::string what) { return {kFailed, std::move(what)}; }

  bool passed() const { return kind == kPassed; }

  Kind kind = kPassed;
  std::string message;
};

}  // namespace conformance
}  // namespace kinglet

// Leaves the function with an outcome that is not "passed".
#define KL_RETURN_UNLESS_PASSED(expression)                           \
  do {                                                                \
    const ::kinglet::conformance::Outcome kl_outcome_ = (expression); \
    if (!kl_outcome_.passed()) return kl_outcome_;                    \
  } while (false)

#endif  // KINGLET_TESTS_CONFORMANCE_OUTCOME_H_
