// kinglet quantize: an ONNX network of 8-bit codes, calibrated on a folder of samples.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/quantize/graph.h"
#include "tools/quantize/rewrite.h"
#include "tools/quantize/samples.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "quantize";

struct Settings {
  std::vector<std::string> files;
  std::string output;
  SampleOptions samples;
  double percentile = 100.0;
};

#if defined(ONNX_ML)

// A folder for models that nobody else wants to see.
class TemporaryFolder {
 public:
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Failure Create() {
    std::error_code error;
    std::string pattern =
        (std::filesystem::temp_directory_path(error) / "kinglet-quantize-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      return {kExitIo, absl::StrCat("cannot create the folder ", pattern)};
    path_ = pattern;
    return Success();
  }
  std::string File(const std::string& name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

// A network with further values as outputs, behind its own.
class Probe {
 public:
  Failure Load(kl_runtime* runtime, onnx::ModelProto model, const std::vector<std::string>& names,
               const std::string& path) {
    own_outputs_ = static_cast<size_t>(model.graph().output_size());
    onnx::GraphProto* graph = model.mutable_graph();
    std::map<std::string, size_t> places;
    for (size_t i = 0; i < own_outputs_; ++i)
      places.emplace(graph->output(static_cast<int>(i)).name(), i);
    for (const std::string& name : names) {
      const size_t next = static_cast<size_t>(graph->output_size());
      const auto [place, added] = places.emplace(name, next);
      if (added) graph->add_output()->set_name(name);
      places_.push_back(place->second);
    }
    Failure failure = WriteWholeFile(path, model.SerializeAsString());
    if (!failure.ok()) return failure;
    kl_error error = NoError();
    kl_network* loaded = nullptr;
    const kl_code code = kl_network_load(runtime, path.c_str(), &loaded, &error);
    if (code != KL_OK) return FailureOf(code, error);
    network_.reset(loaded);
    input_.struct_size = sizeof input_;
    if (kl_network_input_count(loaded) != 1 || kl_network_input(loaded, 0, &input_) != KL_OK) {
      return {kExitBadData, absl::StrCat("expected a network with one input, found ",
                                         kl_network_input_count(loaded))};
    }
    return Success();
  }

  Failure Run(const std::string& sample, const SampleOptions& options) {
    Failure failure = FillSample(sample, options, input_);
    if (!failure.ok()) return failure;
    kl_error error = NoError();
    const kl_code code = kl_network_run(network_.get(), &error);
    return code == KL_OK ? Success() : FailureOf(code, error);
  }

  size_t own_outputs() const { return own_outputs_; }
  kl_network_tensor Value(size_t i) const { return Output(places_[i]); }  // further value `i`
  // Output `i` of the network.
  kl_network_tensor Output(size_t i) const {
    kl_network_tensor tensor = {};
    tensor.struct_size = sizeof tensor;
    kl_network_output(network_.get(), static_cast<uint32_t>(i), &tensor);
    return tensor;
  }

 private:
  NetworkHandle network_;
  kl_network_tensor input_ = {};
  size_t own_outputs_ = 0;
  std::vector<size_t> places_;  // which output a further value is
};

// The numbers that an f32 output, or an i8 one with this scale, stands for.
std::vector<float> NumbersOf(const kl_network_tensor& tensor, const CodeScale& scale) {
  std::vector<float> numbers;
  if (tensor.type == KL_TYPE_F32) {
    const float* from = static_cast<const float*>(tensor.data);
    numbers.assign(from, from + tensor.bytes / sizeof(float));
  } else if (tensor.type == KL_TYPE_I8) {
    const int8_t* from = static_cast<const int8_t*>(tensor.data);
    for (uint64_t i = 0; i < tensor.bytes; ++i)
      numbers.push_back(static_cast<float>(from[i] - scale.zero_point) * scale.scale);
  }
  return numbers;
}

Failure Calibrate(const Settings& settings, const std::vector<std::string>& samples,
                  const std::vector<std::string>& values, Probe* probe,
                  std::map<std::string, CodeScale>* scales) {
  Interrupt interrupt;
  std::vector<ValueRange> ranges(values.size());
  const int passes = settings.percentile < 100.0 ? 2 : 1;
  for (int pass = 0; pass < passes; ++pass) {
    for (const std::string& sample : samples) {
      if (interrupt.count() > 0) return {kExitInterrupted, "interrupted"};
      const Failure failure = probe->Run(sample, settings.samples);
      if (!failure.ok()) return failure;
      for (size_t i = 0; i < values.size(); ++i) {
        const kl_network_tensor tensor = probe->Value(i);
        const std::vector<float> numbers = NumbersOf(tensor, {});
        if (tensor.type != KL_TYPE_F32) {
          return {kExitBadData, absl::StrCat("value ", values[i], ": expected f32, found ",
                                             kl_dtype_info_of(tensor.type).name)};
        }
        if (pass == 1) {
          ranges[i].Count(numbers.data(), numbers.size());
        } else if (!ranges[i].Add(numbers.data(), numbers.size())) {
          return {kExitBadData,
                  absl::StrCat(sample, ": value ", values[i], " is not finite in the f32 network")};
        }
      }
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    (*scales)[values[i]] = passes == 2 ? ranges[i].Within(settings.percentile) : ranges[i].Whole();
  }
  return Success();
}

// Sums over samples of how far two tensors are apart.
struct Difference {
  double error = 0.0, size = 0.0, largest = 0.0;

  void Add(const std::vector<float>& found, const std::vector<float>& exact) {
    for (size_t i = 0; i < std::min(found.size(), exact.size()); ++i) {
      const double d = static_cast<double>(found[i]) - static_cast<double>(exact[i]);
      error += d * d;
      size += static_cast<double>(exact[i]) * static_cast<double>(exact[i]);
      largest = std::max(largest, std::fabs(d));
    }
  }
  // Root mean square of the error over that of the value.
  double relative() const { return size > 0.0 ? std::sqrt(error / size) : std::sqrt(error); }
};

size_t Best(const std::vector<float>& scores) {
  return static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

Failure Compare(const Settings& settings, const std::vector<std::string>& samples,
                const std::vector<QuantisedValue>& values, Probe* exact, Probe* coarse) {
  std::vector<Difference> differences(values.size());
  Difference outputs;
  size_t agree = 0;
  Interrupt interrupt;
  for (const std::string& sample : samples) {
    if (interrupt.count() > 0) return {kExitInterrupted, "interrupted"};
    Failure failure = exact->Run(sample, settings.samples);
    if (failure.ok()) failure = coarse->Run(sample, settings.samples);
    if (!failure.ok()) return failure;
    for (size_t i = 0; i < values.size(); ++i) {
      differences[i].Add(NumbersOf(coarse->Value(i), values[i].scale),
                         NumbersOf(exact->Value(i), {}));
    }
    for (size_t i = 0; i < exact->own_outputs(); ++i) {
      const std::vector<float> wanted = NumbersOf(exact->Output(i), {}),
                               found = NumbersOf(coarse->Output(i), {});
      outputs.Add(found, wanted);
      if (i == 0 && !wanted.empty() && Best(wanted) == Best(found)) ++agree;
    }
  }
  std::printf("%10s %5s %8s  %-18s %s\n", "scale", "zero", "error", "operator", "value");
  for (size_t i = 0; i < values.size(); ++i) {
    std::printf("%10.4g %5d %7.2f%%  %-18s %s\n", static_cast<double>(values[i].scale.scale),
                values[i].scale.zero_point, 100.0 * differences[i].relative(),
                values[i].op.empty() ? "QuantizeLinear" : values[i].op.c_str(),
                values[i].name.c_str());
  }
  std::printf("outputs: error %.2f%%, at most %.4g; best class the same for %zu of %zu samples\n",
              100.0 * outputs.relative(), outputs.largest, agree, samples.size());
  return Success();
}

Failure ReadModel(const std::string& path, onnx::ModelProto* model) {
  std::string bytes;
  const Failure failure = ReadWholeFile(path, &bytes);
  if (!failure.ok()) return failure;
  if (!model->ParseFromString(bytes) || !model->has_graph()) {
    return {kExitBadData, absl::StrCat(path,
                                       ": expected an ONNX ModelProto with a graph, found bytes "
                                       "that are none")};
  }
  for (const onnx::TensorProto& tensor : model->graph().initializer()) {
    if (tensor.data_location() != onnx::TensorProto::EXTERNAL) continue;
    return {kExitBadData, absl::StrCat(path, ": tensor ", tensor.name(),
                                       ": its data lie in another file; save the network with its "
                                       "tensors inside")};
  }
  return Success();
}

Failure Quantize(const Settings& settings, const EngineFlags& engine) {
  onnx::ModelProto model;
  Failure failure = ReadModel(settings.files[0], &model);
  std::vector<std::string> samples;
  if (failure.ok()) failure = ListSamples(settings.samples, &samples);
  RuntimeHandle runtime;
  if (failure.ok()) failure = CreateRuntime(kName, engine, &runtime);
  if (!failure.ok()) return failure;
  {
    // Whatever is wrong with the file is best said of the file itself.
    kl_error error = NoError();
    kl_network* loaded = nullptr;
    const kl_code code = kl_network_load(runtime.get(), settings.files[0].c_str(), &loaded, &error);
    if (code != KL_OK) return FailureOf(code, error);
    kl_network_free(loaded);
  }
  failure = Simplify(settings.files[0], &model);
  if (!failure.ok()) return failure;
  const std::vector<Treatment> treatments = PlanTreatments(model.graph());
  if (std::count(treatments.begin(), treatments.end(), Treatment::kLayer) == 0) {
    return {kExitBadData, absl::StrCat(settings.files[0],
                                       ": no Conv, Gemm or MatMul with constant f32 weights to "
                                       "quantise")};
  }
  const std::vector<std::string> calibrated = ValuesToCalibrate(model.graph(), treatments);
  TemporaryFolder folder;
  failure = folder.Create();
  Probe ranges;
  if (failure.ok())
    failure = ranges.Load(runtime.get(), model, calibrated, folder.File("ranges.onnx"));
  std::map<std::string, CodeScale> scales;
  if (failure.ok()) failure = Calibrate(settings, samples, calibrated, &ranges, &scales);
  if (!failure.ok()) return failure;
  const onnx::ModelProto exact_model = model;
  std::vector<QuantisedValue> values;
  failure = Rewrite(treatments, scales, &model, &values);
  if (!failure.ok()) return failure;
  std::vector<std::string> names, codes;
  for (const QuantisedValue& value : values) {
    names.push_back(value.name);
    codes.push_back(value.codes);
  }
  Probe exact, coarse;
  failure = exact.Load(runtime.get(), exact_model, names, folder.File("exact.onnx"));
  if (failure.ok()) failure = coarse.Load(runtime.get(), model, codes, folder.File("coarse.onnx"));
  if (failure.ok()) failure = Compare(settings, samples, values, &exact, &coarse);
  if (failure.ok()) failure = WriteWholeFile(settings.output, model.SerializeAsString());
  return failure;
}

#else

Failure Quantize(const Settings&, const EngineFlags&) {
  return {kExitUsage, "this build reads no ONNX files: quantise on an x86-64 machine"};
}

#endif

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(kName,
                      "Quantises an ONNX network to 8 bits after training: i8 codes with a scale "
                      "for each output channel of the weights and one for each activation, from "
                      "what the activations are on a folder of samples.");
  options.Example("kinglet quantize net.onnx --calibration photos -o net-int8.onnx");
  options.Positional("NETWORK", &settings.files, 1, 1, "the f32 network, with one input");
  options.Text({"--calibration"}, "FOLDER", &settings.samples.folder,
               "samples: images (JPEG, PNG, BMP, GIF) or arrays (.npy) of the input's shape");
  options.Text({"-o", "--output"}, "FILE", &settings.output, "where the quantised network goes");
  options.Real({"--percentile"}, "P", &settings.percentile, {50, 100},
               "share of each activation's values that codes cover; the others saturate");
  options.Integer({"--samples"}, "N", &settings.samples.limit, {0, 1 << 20},
                  "use the first N only; 0: all");
  options.Real({"--mean"}, "X", &settings.samples.mean, {-1e6, 1e6},
               "what pixels of 0 to 255 have subtracted");
  options.Real({"--deviation"}, "X", &settings.samples.deviation, {1e-6, 1e6},
               "what the difference is then divided by");
  options.Note(
      "Prints, for each value that became codes, scale, zero point and the error that has gathered "
      "up to it, relative to the f32 network's value on the same samples.");
  engine.DeclareThreads(&options);
  engine.Declare(&options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (settings.samples.folder.empty())
    return Report(kName, kExitUsage, "--calibration FOLDER is missing: samples to measure with");
  if (settings.output.empty())
    return Report(kName, kExitUsage, "-o FILE is missing: where the quantised network goes");
  const Failure failure = Quantize(settings, engine);
  return failure.ok() ? FinishOutput(kName) : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_quantize;
const Command kCommand_quantize = {kName, "a network in 8 bits, calibrated on samples", Run};

}  // namespace kinglet::tools
