// Looks on while a session routes tokens to experts: counts, and writes a recording where one is
// wanted (routing_file.h).
#ifndef KINGLET_TOOLS_COMMON_ROUTING_RECORDER_H_
#define KINGLET_TOOLS_COMMON_ROUTING_RECORDER_H_

#include <string>

#include "core/capi/kinglet.h"
#include "tools/common/expert_use.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/common/routing_file.h"

namespace kinglet::tools {

// Declares --record-routing.
void DeclareRecording(OptionTable* options, std::string* path);

// Borrows the session, and stays where it is while it watches. One thread: the session's.
class RoutingRecorder {
 public:
  RoutingRecorder() = default;
  ~RoutingRecorder();
  RoutingRecorder(const RoutingRecorder&) = delete;
  RoutingRecorder& operator=(const RoutingRecorder&) = delete;

  // `path` empty: only counts, and only if the model has experts. Otherwise a model without them
  // and a file that cannot be written are errors. Begins to watch.
  Failure Start(const kl_model* model, kl_session* session, const std::string& path);
  // While it is off nothing is counted or written.
  Failure Watch(bool on);
  // The recording is complete: what went wrong while it was written is said here.
  Failure Finish();

  // Since Start(); of 0 layers before the first batch.
  const ExpertUse& use() const { return use_; }

 private:
  void Take(const kl_routing& routing);

  kl_session* session_ = nullptr;
  std::string path_;
  RoutingHeader header_;
  ExpertUse use_;
  RoutingWriter writer_;
  Failure failure_;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_ROUTING_RECORDER_H_
