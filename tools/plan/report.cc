#include "tools/plan/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/common/format.h"

namespace kinglet::tools {
namespace {

using Json = nlohmann::ordered_json;

void Row(std::string* text, const char* name, const std::string& value) {
  absl::StrAppendFormat(text, "  %-22s %s\n", name, value);
}

std::string Bytes(uint64_t bytes) { return FormatBytes(bytes); }

void AddMemory(const PlanReport& report, const Prediction& point, std::string* text) {
  const kl_memory_plan& m = point.memory;
  absl::StrAppend(text, "In memory\n");
  Row(text, "the program",
      absl::StrCat(Bytes(m.program_bytes), ", of which ", Bytes(m.program_now_bytes), " now"));
  Row(text, "weights, packed", Bytes(m.packed_bytes));
  Row(text, "weights as in the file",
      absl::StrCat(Bytes(m.mapped_bytes), ", and up to ", Bytes(m.looked_up_bytes),
                   " of embedding rows"));
  Row(text, "KV cache", absl::StrCat(Bytes(m.cache_bytes), " for ", report.context, " tokens"));
  Row(text, "activations",
      absl::StrCat(Bytes(m.activation_bytes), " for batches of ", report.task.batch));
  if (m.streamed) {
    Row(text, "experts",
        absl::StrFormat("%s: %d of %d, %s each", Bytes(m.expert_bytes), m.slot_count,
                        m.expert_count, Bytes(m.slot_bytes)));
    Row(text, "streamed",
        absl::StrCat("the experts, from ", m.prepared ? "their prepared file" : "the model"));
    Row(text, "by", point.reader);
  }
  if (m.stream_bytes > 0) {
    Row(text, "large weights",
        absl::StrFormat("%s of %s, in %s", Bytes(m.kept_weight_bytes),
                        Bytes(m.streamed_weight_bytes), Bytes(m.stream_bytes)));
    Row(text, "streamed too", "all other large weights, for each token or batch");
  }
  if (!m.streamed && m.stream_bytes == 0) Row(text, "streamed", "nothing");
  Row(text, "smallest budget", absl::StrCat(Bytes(m.named_bytes), " (", m.named_bytes, ")"));
  Row(text, "everything in memory",
      absl::StrCat(Bytes(m.named_whole_bytes), " (", m.named_whole_bytes, ")"));
  Row(text, "peak, predicted", Bytes(point.peak_bytes));
}

void AddSpeed(const PlanReport& report, const Prediction& point, std::string* text) {
  const Speeds& s = report.speeds;
  absl::StrAppend(text, "\nSpeed, predicted\n");
  Row(text, "tokens per second",
      absl::StrFormat("%.1f: %.1f ms computing, %.1f ms waiting for experts",
                      point.tokens_per_second(), point.compute_ns / 1e6, point.stall_ns / 1e6));
  Row(text, "first token",
      absl::StrFormat("%.2f s after a prompt of %d tokens", point.first_token_ns / 1e9,
                      report.task.prompt));
  std::string bytes = absl::StrCat(Bytes(point.memory_bytes_per_token), " from memory");
  if (point.memory.streamed) {
    absl::StrAppendFormat(&bytes, ", %s from storage (%.1f %% of experts found in memory)",
                          Bytes(point.storage_bytes_per_token), 100 * point.hit_rate);
  }
  Row(text, "a token reads", bytes);
  absl::StrAppendFormat(text, "\nMeasured here in %.1f s\n", s.probe_seconds);
  Row(text, "memory",
      absl::StrFormat("%.1f GB/s with %d threads", s.memory_bytes_per_second / 1e9,
                      report.threads));
  if (!s.reads.empty()) {
    std::string reads;
    for (const ReadSpeed& read : s.reads) {
      absl::StrAppendFormat(&reads, "%s%d in %.1f ms (%.2f GB/s)", reads.empty() ? "" : ", ",
                            read.together, read.ns / 1e6, read.bytes / read.ns);
    }
    Row(text, "experts read", reads);
  }
  Row(text, "the first layers",
      absl::StrFormat(
          "%d ran: %.2f ms a layer, %.2f ms all else; for a prompt of %d tokens %.2f ms a layer",
          s.probed_layers, s.layer_ns / 1e6, s.rest_ns / 1e6, s.prompt_tokens,
          s.prompt_layer_ns / 1e6));
  absl::StrAppend(text, "\nAssumed\n");
  if (!report.routing.empty()) Row(text, "routing", report.routing);
  Row(text, "layers", "all as fast as the first ones; a short context");
}

void AddSweep(const PlanReport& report, std::string* text) {
  absl::StrAppend(
      text,
      "| budget | experts in memory | found there | tokens/s | first token | from storage a token "
      "| peak memory | |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n");
  for (size_t i = 0; i < report.points.size(); ++i) {
    const Prediction& p = report.points[i];
    const std::string experts =
        p.memory.streamed ? absl::StrCat(p.memory.slot_count, " of ", p.memory.expert_count)
                          : "all";
    std::string speed[4] = {"", "", "", ""};
    if (report.has_speeds) {
      speed[1] = absl::StrFormat("%.1f", p.tokens_per_second());
      speed[2] = absl::StrFormat("%.2f s", p.first_token_ns / 1e9);
      speed[3] = Bytes(p.storage_bytes_per_token);
      speed[0] = absl::StrFormat("%.1f %%", 100 * p.hit_rate);
    }
    absl::StrAppendFormat(
        text, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", Bytes(p.budget_bytes), experts,
        speed[0], speed[1], speed[2], speed[3], Bytes(p.peak_bytes),
        report.has_speeds && i == report.knee && report.points.size() > 2 ? "knee" : "");
  }
  if (!report.routing.empty()) absl::StrAppend(text, "\nAssumed: ", report.routing, ".\n");
}

Json JsonOf(const Prediction& p, bool with_speeds) {
  const kl_memory_plan& m = p.memory;
  Json json;
  json["budget_bytes"] = p.budget_bytes;
  json["streamed"] = m.streamed;
  json["prepared"] = m.prepared;
  json["program_bytes"] = m.program_bytes;
  json["packed_bytes"] = m.packed_bytes;
  json["mapped_bytes"] = m.mapped_bytes;
  json["looked_up_bytes"] = m.looked_up_bytes;
  json["packing_bytes"] = m.packing_bytes;
  json["cache_bytes"] = m.cache_bytes;
  json["activation_bytes"] = m.activation_bytes;
  json["expert_bytes"] = m.expert_bytes;
  json["stream_bytes"] = m.stream_bytes;
  json["streamed_weight_bytes"] = m.streamed_weight_bytes;
  json["kept_weight_bytes"] = m.kept_weight_bytes;
  json["expert_slots"] = m.slot_count;
  json["expert_count"] = m.expert_count;
  json["peak_bytes"] = p.peak_bytes;
  if (!with_speeds) return json;
  json["hit_rate"] = p.hit_rate;
  json["tokens_per_second"] = p.tokens_per_second();
  json["compute_ns"] = p.compute_ns;
  json["stall_ns"] = p.stall_ns;
  json["first_token_ns"] = p.first_token_ns;
  json["memory_bytes_per_token"] = p.memory_bytes_per_token;
  json["storage_bytes_per_token"] = p.storage_bytes_per_token;
  return json;
}

}  // namespace

std::string TextOf(const PlanReport& report) {
  std::string text =
      absl::StrFormat("%s: %s, %d threads\n\n", report.path, report.model, report.threads);
  if (report.sweep) {
    AddSweep(report, &text);
    return text;
  }
  AddMemory(report, report.points[0], &text);
  if (report.has_speeds) AddSpeed(report, report.points[0], &text);
  return text;
}

std::string JsonOf(const PlanReport& report) {
  Json json;
  json["model"] = report.path;
  json["model_type"] = report.model;
  json["threads"] = report.threads;
  json["context"] = report.context;
  json["batch"] = report.task.batch;
  json["prompt"] = report.task.prompt;
  json["predict"] = report.task.predict;
  json["smallest_bytes"] = report.points[0].memory.named_bytes;
  json["whole_bytes"] = report.points[0].memory.named_whole_bytes;
  if (!report.routing.empty()) json["routing"] = report.routing;
  if (report.has_speeds) {
    const Speeds& s = report.speeds;
    Json probe;
    probe["seconds"] = s.probe_seconds;
    probe["memory_bytes_per_second"] = s.memory_bytes_per_second;
    probe["layers"] = s.probed_layers;
    probe["layer_ns"] = s.layer_ns;
    probe["rest_ns"] = s.rest_ns;
    probe["overlap_ns"] = s.overlap_ns;
    probe["weight_bytes_per_second"] = s.weight_bytes_per_second;
    probe["prompt_tokens"] = s.prompt_tokens;
    probe["prompt_layer_ns"] = s.prompt_layer_ns;
    probe["reads"] = Json::array();
    for (const ReadSpeed& read : s.reads) {
      probe["reads"].push_back(
          {{"together", read.together}, {"ns", read.ns}, {"bytes", read.bytes}, {"cpu_ns", read.cpu_ns}});
    }
    json["probe"] = probe;
  }
  json["points"] = Json::array();
  for (size_t i = 0; i < report.points.size(); ++i) {
    Json point = JsonOf(report.points[i], report.has_speeds);
    if (report.sweep && report.has_speeds)
      point["knee"] = report.points.size() > 2 && i == report.knee;
    json["points"].push_back(point);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kinglet::tools
