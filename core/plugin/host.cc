#include "core/plugin/host.h"

#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kinglet {

struct HostServices::PluginHost {
  kl_host abi = {};
  HostServices* services = nullptr;
  std::string name;
};

HostServices::HostServices(HostOptions options) : options_(std::move(options)) {
  options_.cpu.struct_size = sizeof options_.cpu;
  general_ = ForPlugin("");
}

HostServices::~HostServices() = default;

const kl_host* HostServices::ForPlugin(absl::string_view name) {
  std::unique_ptr<PluginHost>& host = hosts_[std::string(name)];
  if (host == nullptr) {
    host = std::make_unique<PluginHost>();
    host->services = this;
    host->name = std::string(name);
    kl_host& abi = host->abi;
    abi.struct_size = sizeof abi;
    abi.abi_major = KL_ABI_MAJOR;
    abi.abi_minor = KL_ABI_MINOR;
    abi.context = host.get();
    abi.cpu = &options_.cpu;
    abi.allocate = Allocate;
    abi.release = Release;
    abi.log = LogFor;
    abi.now_ns = NowNs;
    abi.option = Option;
    abi.parallel_for = ParallelFor;
  }
  return &host->abi;
}

void HostServices::set_parallel_for(ParallelForFunction parallel_for) {
  parallel_for_ = std::move(parallel_for);
}

const Log& HostServices::log() const { return options_.log != nullptr ? *options_.log : silent_; }

HostServices::PluginHost& HostServices::Of(const kl_host* host) {
  return *static_cast<PluginHost*>(host->context);
}

void* HostServices::Allocate(const kl_host*, uint64_t bytes, uint64_t alignment) {
  const bool power_of_two = alignment != 0 && (alignment & (alignment - 1)) == 0;
  if (!power_of_two || bytes > SIZE_MAX / 2) return nullptr;
  void* memory = nullptr;
  const size_t least = sizeof(void*);
  if (posix_memalign(&memory, std::max<size_t>(alignment, least), std::max<size_t>(bytes, 1)) !=
      0) {
    return nullptr;
  }
  return memory;
}

void HostServices::Release(const kl_host*, void* memory) { free(memory); }

void HostServices::LogFor(const kl_host* host, kl_log_level level, const char* message) {
  const PluginHost& plugin = Of(host);
  if (message == nullptr) return;
  const Log& log = plugin.services->log();
  if (plugin.name.empty()) {
    log.Write(level, message);
  } else {
    log.Write(level, "plugin ", plugin.name, ": ", message);
  }
}

int64_t HostServices::NowNs(const kl_host*) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

const char* HostServices::Option(const kl_host* host, const char* key) {
  const PluginHost& plugin = Of(host);
  if (key == nullptr) return nullptr;
  const auto& options = plugin.services->options_.plugin_options;
  const auto found =
      options.find(plugin.name.empty() ? std::string(key) : absl::StrCat(plugin.name, ".", key));
  return found == options.end() ? nullptr : found->second.c_str();
}

void HostServices::ParallelFor(const kl_host* host, int64_t count, kl_parallel_body body,
                               void* context) {
  if (count <= 0) return;
  const ParallelForFunction& parallel_for = Of(host).services->parallel_for_;
  if (parallel_for) {
    parallel_for(count, body, context);
  } else {
    body(context, 0, count);
  }
}

}  // namespace kinglet
