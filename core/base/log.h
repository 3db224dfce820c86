// Where messages for people go: an object that is passed along, never a global.
#ifndef KINGLET_CORE_BASE_LOG_H_
#define KINGLET_CORE_BASE_LOG_H_

#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/abi/host.h"

namespace kinglet {

// Thread safe: the sink is called by one thread at a time. Outlives all that it was passed to.
class Log {
 public:
  // `message` has no newline and lives until the call returns. The sink must not log.
  using Sink = std::function<void(kl_log_level level, absl::string_view message)>;

  // Says nothing.
  Log() = default;
  // Passes on messages up to `level`: KL_LOG_WARNING passes errors and warnings.
  Log(kl_log_level level, Sink sink) : level_(level), sink_(std::move(sink)) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool enabled(kl_log_level level) const { return sink_ != nullptr && level <= level_; }

  // The parts are put together only when the message is wanted.
  template <typename... Parts>
  void Write(kl_log_level level, const Parts&... parts) const {
    if (!enabled(level)) return;
    const std::string message = absl::StrCat(parts...);
    const std::lock_guard<std::mutex> lock(mutex_);
    sink_(level, message);
  }
  template <typename... Parts>
  void Error(const Parts&... parts) const {
    Write(KL_LOG_ERROR, parts...);
  }
  template <typename... Parts>
  void Warning(const Parts&... parts) const {
    Write(KL_LOG_WARNING, parts...);
  }
  template <typename... Parts>
  void Info(const Parts&... parts) const {
    Write(KL_LOG_INFO, parts...);
  }
  template <typename... Parts>
  void Debug(const Parts&... parts) const {
    Write(KL_LOG_DEBUG, parts...);
  }

 private:
  const kl_log_level level_ = KL_LOG_ERROR;
  const Sink sink_;
  mutable std::mutex mutex_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_LOG_H_
