// The host's side of kl_host: what plugins may ask of this process.
#ifndef KINGLET_CORE_PLUGIN_HOST_H_
#define KINGLET_CORE_PLUGIN_HOST_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "core/abi/host.h"
#include "core/base/log.h"

namespace kinglet {

// Runs a body over [0, count) on the host's threads and returns when all is done.
using ParallelForFunction =
    std::function<void(int64_t count, kl_parallel_body body, void* context)>;

struct HostOptions {
  kl_cpu cpu = {};
  std::map<std::string, std::string> plugin_options;  // "plugin.key" -> value
  const Log* log = nullptr;                           // borrowed, outlives the host; NULL: silent
};

// Makes one kl_host for each plugin, so that options and log lines know whose they are.
//
// Ownership: the kl_hosts live as long as this. Thread safety: what plugins call is thread safe;
// ForPlugin() and set_parallel_for() are for one thread, while no plugin is in a call.
class HostServices {
 public:
  explicit HostServices(HostOptions options);
  ~HostServices();
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  // The same pointer for the same name. option("key") finds "name.key".
  const kl_host* ForPlugin(absl::string_view name);
  // For nobody in particular: option() takes the full "plugin.key".
  const kl_host* general() const { return general_; }

  const kl_cpu& cpu() const { return options_.cpu; }

  // Until it is set, parallel_for runs on the caller.
  void set_parallel_for(ParallelForFunction parallel_for);
  const Log& log() const;

 private:
  struct PluginHost;

  static PluginHost& Of(const kl_host* host);
  static void* Allocate(const kl_host* host, uint64_t bytes, uint64_t alignment);
  static void Release(const kl_host* host, void* memory);
  static void LogFor(const kl_host* host, kl_log_level level, const char* message);
  static int64_t NowNs(const kl_host* host);
  static const char* Option(const kl_host* host, const char* key);
  static void ParallelFor(const kl_host* host, int64_t count, kl_parallel_body body, void* context);

  HostOptions options_;
  Log silent_;
  ParallelForFunction parallel_for_;
  std::map<std::string, std::unique_ptr<PluginHost>> hosts_;
  const kl_host* general_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_PLUGIN_HOST_H_
