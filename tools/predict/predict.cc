// kinglet predict: how long networks will take, from their nodes timed one by one.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/common/command.h"
#include "tools/common/cpu_name.h"
#include "tools/common/engine.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/predict/cache_levels.h"
#include "tools/predict/predictor.h"
#include "tools/predict/report.h"
#include "tools/predict/time_table.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "predict";
constexpr size_t kMostNetworks = 1024;

struct Settings {
  std::vector<std::string> networks;
  std::string table;
  int64_t top = 5;
  bool measure = false;
  bool json = false;
};

Machine MachineOf(const kl_runtime* runtime, const EngineFlags& engine) {
  Machine machine;
  machine.cpu = CpuName();
  machine.threads = kl_runtime_thread_count(runtime);
  machine.scheduler = engine.scheduler;
  for (uint32_t i = 0; i < kl_runtime_plugin_count(runtime); ++i) {
    kl_plugin_facts facts = {};
    facts.struct_size = sizeof facts;
    if (kl_runtime_plugin(runtime, i, &facts) != KL_OK || facts.failure != nullptr) continue;
    machine.plugins[facts.name] = absl::StrFormat("%s %016x", facts.version, facts.checksum);
  }
  return machine;
}

Failure PredictAll(const Settings& settings, const EngineFlags& engine, PredictReport* report) {
  RuntimeHandle runtime;
  Failure failure = CreateRuntime(kName, engine, &runtime);
  if (!failure.ok()) return failure;
  const Machine machine = MachineOf(runtime.get(), engine);
  report->cpu = machine.cpu;
  report->threads = machine.threads;
  TimeTable table(machine, CacheLevels());
  if (!settings.table.empty()) failure = table.Read(settings.table);
  if (!failure.ok()) return failure;
  Interrupt interrupt;
  Predictor predictor(runtime.get(), &table);
  for (const std::string& path : settings.networks) {
    NetworkForecast forecast;
    failure = predictor.Predict(path, &forecast);
    if (failure.ok() && settings.measure) {
      double ns = 0;
      failure = MeasureNetwork(runtime.get(), path, &ns);
      forecast.measured_ns = ns;
    }
    if (!failure.ok()) break;
    report->networks.push_back(std::move(forecast));
  }
  // What was timed before something went wrong counts.
  if (table.changed() && !settings.table.empty()) {
    const Failure written = table.Write(settings.table);
    if (failure.ok()) failure = written;
  }
  return failure;
}

void Declare(Settings* s, EngineFlags* engine, OptionTable* options) {
  options->Example("kinglet predict network.onnx -t 2");
  options->Example("kinglet predict *.onnx --measure --table times.json");
  options->Positional("NETWORK", &s->networks, 1, kMostNetworks, "ONNX or TFLite file");
  options->Flag({"--measure"}, &s->measure,
                "also load and run each network; compare, with Kendall's tau over all of them");
  options->Text(
      {"--table"}, "FILE", &s->table,
      "times of nodes: what it has is not timed again, what was timed is added. Kept apart by "
      "processor, threads and scheduler; a plugin that changed is timed anew");
  options->Integer({"--top"}, "N", &s->top, {0, 1 << 20}, "nodes to show, the costliest first");
  options->Flag({"--json"}, &s->json, "print one JSON object, with all nodes");
  engine->DeclareThreads(options);
  engine->Declare(options);
  options->Note(
      "Each node that differs in operator, attributes, shapes, types, share of zeros or kernel is "
      "timed "
      "by itself; the network is neither loaded nor run unless --measure asks for it.");
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(
      kName,
      "Says how long networks will take on this machine, and which nodes cost most, "
      "before they are loaded.");
  Declare(&settings, &engine, &options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  PredictReport report;
  const Failure failure = PredictAll(settings, engine, &report);
  if (!failure.ok()) return Report(kName, failure);
  std::fputs((settings.json ? JsonOf(report) : TextOf(report, settings.top)).c_str(), stdout);
  return FinishOutput(kName);
}

}  // namespace

extern const Command kCommand_predict;
const Command kCommand_predict = {kName, "how long a network will take, before loading it", Run};

}  // namespace kinglet::tools
