// Work on the calling thread around a node that is not computing it: leasing what it reads, say.
#ifndef KINGLET_CORE_EXEC_NODE_HOOK_H_
#define KINGLET_CORE_EXEC_NODE_HOOK_H_

#include "absl/status/statusor.h"

namespace kinglet {

class NodeHook {
 public:
  virtual ~NodeHook() = default;

  // Asked by the scheduler's caller when all nodes before this one are done. true: all units of the node are run,
  // then it is asked again; false: on to the next node. So a node runs as often as the hook says true, each time
  // with the operands that the hook set. May block. An error ends the run.
  virtual absl::StatusOr<bool> Next() = 0;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_NODE_HOOK_H_
