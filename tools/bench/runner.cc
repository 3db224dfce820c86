#include "tools/bench/runner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/bench/sample_text.h"
#include "tools/common/expert_report.h"
#include "tools/common/files.h"

namespace kinglet::tools {
namespace {

// Enough for a steady mean, and little beside the repetitions.
constexpr int64_t kProfiledTokens = 16;

}  // namespace

Failure BenchRunner::MakeTokens(int64_t count) {
  const kl_model_info info = Describe(model_);
  std::vector<int32_t> text_tokens;
  if (info.has_tokenizer) {
    std::string text = kSampleText;
    Failure failure;
    if (!options_.prompt_file.empty()) failure = ReadWholeFile(options_.prompt_file, &text);
    if (failure.ok()) failure = Tokenize(model_, text, 0, &text_tokens);
    if (!failure.ok()) return failure;
    prompt_source_ = options_.prompt_file.empty() ? "built-in text" : options_.prompt_file;
  } else if (!options_.prompt_file.empty()) {
    return {kExitUsage,
            absl::StrCat("--prompt-file (-f) needs a tokenizer, and ", info.path, " has none")};
  }
  if (text_tokens.empty()) prompt_source_ = "random ids (no tokenizer)";
  tokens_.clear();
  const int32_t begin = info.has_tokenizer ? BeginToken(model_) : -1;
  if (begin >= 0) tokens_.push_back(begin);
  uint64_t state = static_cast<uint64_t>(options_.seed);
  for (size_t i = 0; static_cast<int64_t>(tokens_.size()) < count; ++i) {
    if (!text_tokens.empty()) {
      tokens_.push_back(text_tokens[i % text_tokens.size()]);
    } else {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      tokens_.push_back(
          static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(info.vocabulary_size)));
    }
  }
  return Success();
}

Failure BenchRunner::Begin(const std::vector<BenchTest>& tests) {
  int64_t context = 0;
  for (const BenchTest& test : tests) {
    context = std::max(context, test.depth + test.prompt + test.generation);
  }
  const int64_t limit = Describe(model_).context_length;
  if (limit > 0 && context > limit) {
    return {kExitUsage,
            absl::StrCat("a test needs ", context, " tokens, more than the model's context of ",
                         limit, ": make -p, -n or -d smaller")};
  }
  kl_session_options options = DefaultSessionOptions();
  options.temperature = 0;  // what greedy decoding needs of the logits
  options.context_length = static_cast<int32_t>(context);
  options.batch = static_cast<int32_t>(options_.batch);
  Failure failure = CreateSession(model_, options, &session_);
  if (failure.ok()) failure = SetMemory(options_.bank, model_, "", session_.get());
  if (failure.ok()) failure = MakeTokens(context);
  if (failure.ok() && !options_.record_routing.empty()) {
    failure = recorder_.Start(model_, session_.get(), options_.record_routing);
    if (failure.ok()) failure = recorder_.Watch(false);  // until a test is measured
  }
  if (failure.ok()) interrupt_.Watch(session_.get());
  return failure;
}

Failure BenchRunner::WarmUp(const BenchTest& test) {
  Failure failure = Rewind();
  if (failure.ok() && test.prompt > 0) {
    failure = Prefill(0, std::min(test.prompt, options_.batch));
  }
  if (failure.ok() && test.generation > 0) {
    if (test.prompt > 0) failure = Rewind();
    if (failure.ok()) failure = Decode(0, 1);
  }
  return failure;
}

Failure BenchRunner::MeasureOnce(const BenchTest& test, BenchResult* result,
                                 int64_t* first_token_ns) {
  Failure failure = Rewind();
  if (failure.ok()) failure = Prefill(0, test.depth);
  if (!failure.ok()) return failure;
  const kl_expert_stats before = DescribeExperts(model_);
  const int64_t start = NowNs();
  failure = Prefill(test.depth, test.prompt);
  if (failure.ok()) failure = Decode(test.depth + test.prompt, test.generation);
  result->samples_ns.push_back(NowNs() - start);
  AddExperts(before, DescribeExperts(model_), &result->experts);
  if (!failure.ok() || test.prompt == 0 || test.generation > 0) return failure;
  int32_t token = 0;
  kl_error error = NoError();
  const kl_code code = kl_session_sample(session_.get(), &token, &error);
  if (code != KL_OK) return FailureOf(code, error);
  *first_token_ns += NowNs() - start;
  return Success();
}

Failure BenchRunner::Measure(const BenchTest& test, BenchResult* result) {
  int64_t first_token_ns = 0;
  const bool with_roof = options_.roof && test.generation > 0;
  Failure failure = with_roof ? PrepareRoof(*result) : Success();
  for (int64_t i = 0; i < options_.repetitions && failure.ok(); ++i) {
    progress_.Show(TestName(*result), static_cast<uint64_t>(i),
                   static_cast<uint64_t>(options_.repetitions));
    if (with_roof) {
      result->roof_bytes_per_second += roof_->Measure() / static_cast<double>(options_.repetitions);
    }
    // Later repetitions compute the same tokens, and route them the same way.
    const bool recorded = i == 0 && !options_.record_routing.empty();
    if (recorded) failure = recorder_.Watch(true);
    if (failure.ok()) failure = MeasureOnce(test, result, &first_token_ns);
    if (recorded) {
      const Failure off = recorder_.Watch(false);
      if (failure.ok()) failure = off;
    }
  }
  result->time_to_first_token_ns = first_token_ns / options_.repetitions;
  result->peak_rss_bytes = PeakBytes();
  result->prompt_source = prompt_source_;
  // Bytes cost a few tokens; deep in a context they cost the way there, which is for those who ask.
  const bool wants_bytes = test.generation > 0 && (options_.roof || test.depth == 0);
  if (failure.ok() && (wants_bytes || options_.profile)) failure = ProfileTest(test, result);
  return failure;
}

Failure BenchRunner::ProfileTest(const BenchTest& test, BenchResult* result) {
  const auto switch_profiling = [&](bool on) {
    kl_error error = NoError();
    const kl_code code = kl_session_set_profiling(session_.get(), on, &error);
    return code == KL_OK ? Success() : FailureOf(code, error);
  };
  Failure failure = Rewind();
  if (failure.ok()) failure = Prefill(0, test.depth);
  if (failure.ok() && options_.profile) failure = switch_profiling(true);
  if (failure.ok()) failure = Prefill(test.depth, test.prompt);
  if (failure.ok() && options_.profile && test.prompt > 0) {
    BenchResult part = *result;
    part.n_gen = 0;
    result->profiles.push_back(CollectProfile(session_.get(), TestName(part), test.prompt));
  }
  const int64_t count = std::min(test.generation, kProfiledTokens);
  if (failure.ok() && count > 0) {
    failure = switch_profiling(true);
    if (failure.ok()) failure = Decode(test.depth + test.prompt, count);
    BenchResult part = *result;
    part.n_prompt = 0;
    part.n_depth += test.prompt;
    const Profile profile = CollectProfile(session_.get(), TestName(part), count);
    result->bytes_per_token_read = profile.weight_bytes() / static_cast<uint64_t>(count);
    if (options_.profile) result->profiles.push_back(profile);
  }
  const Failure off = switch_profiling(false);
  return failure.ok() ? off : failure;
}

Failure BenchRunner::PrepareRoof(const BenchResult& result) {
  if (roof_ != nullptr) return Success();
  peak_before_roof_ = Describe(session_.get()).peak_resident_bytes;
  roof_ = StreamingRead::Create(static_cast<int>(result.n_threads));
  if (roof_ != nullptr) return Success();
  return {kExitResources, absl::StrCat("--roof needs ", StreamingRead::kBytes,
                                       " bytes of memory beside the model; leave it out")};
}

uint64_t BenchRunner::PeakBytes() const {
  const uint64_t peak = Describe(session_.get()).peak_resident_bytes;
  if (roof_ == nullptr) return peak;
  // The roof's buffer is not the model's.
  return std::max(peak_before_roof_, peak - std::min(peak, StreamingRead::kBytes));
}

Failure BenchRunner::Rewind() {
  kl_error error = NoError();
  const kl_code code = kl_session_rewind(session_.get(), 0, &error);
  return code == KL_OK ? Success() : FailureOf(code, error);
}

Failure BenchRunner::Prefill(int64_t first, int64_t count) {
  if (count == 0) return Success();
  kl_error error = NoError();
  const kl_code code = kl_session_prefill(session_.get(), tokens_.data() + first,
                                          static_cast<size_t>(count), nullptr, nullptr, &error);
  return Checked(code, error);
}

Failure BenchRunner::Decode(int64_t first, int64_t count) {
  kl_error error = NoError();
  for (int64_t i = 0; i < count; ++i) {
    const kl_code code =
        kl_session_decode(session_.get(), tokens_[static_cast<size_t>(first + i)], &error);
    Failure failure = Checked(code, error);
    if (!failure.ok()) return failure;
  }
  return Success();
}

Failure BenchRunner::Checked(kl_code code, const kl_error& error) const {
  if (interrupt_.count() > 0) return {kExitInterrupted, "interrupted"};
  return code == KL_OK ? Success() : FailureOf(code, error);
}

}  // namespace kinglet::tools
