// How long a token waits for its experts: layers, reads and guesses played through on a clock of its own.
//
//   layer l   its router ..... attention ..... experts      what is missing is asked for at the router,
//             |___ overlap ___|                             and waited for before the experts
//             \ guesses at the next six layers: read two at a time, near layers first, while all else goes on
//
// Reads that are under way together share storage, as the probe saw it. Where each core computes, what reading takes of
// the processor (system calls, checksums, unpacking) is taken from computing: one worker is late, and the others wait for
// it. Deterministic; no time is measured here.
#ifndef KINGLET_TOOLS_PLAN_READ_AHEAD_H_
#define KINGLET_TOOLS_PLAN_READ_AHEAD_H_

#include <cstdint>

#include "tools/plan/speeds.h"

namespace kinglet::tools {

// Reads in vain for each missing expert, where experts are guessed at.
inline constexpr double kReadsInVain = 0.16;
// Later layers whose routers are tried at each layer.
inline constexpr int kRoutersPreviewed = 3;

// Means of a token, ns.
struct ReadDelay {
  double wait_ns = 0;    // for experts
  double slowed_ns = 0;  // that computing takes longer because reads take processor time
};

// Each of `used` experts of each of `layers` is missing with probability `miss_rate`; `guesses`:
// later layers' experts are read ahead.
ReadDelay DelayPerToken(const Speeds& speeds, int64_t layers, int64_t used, double miss_rate, bool guesses);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PLAN_READ_AHEAD_H_
