#include "tools/bench/runner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/bench/sample_text.h"
#include "tools/common/files.h"

namespace kinglet::tools {

Failure BenchRunner::MakeTokens(int64_t count) {
  const kl_model_info info = Describe(model_);
  std::vector<int32_t> text_tokens;
  if (info.has_tokenizer) {
    std::string text = kSampleText;
    Failure failure;
    if (!options_.prompt_file.empty()) failure = ReadWholeFile(options_.prompt_file, &text);
    if (failure.ok()) failure = Tokenize(model_, text, 0, &text_tokens);
    if (!failure.ok()) return failure;
  } else if (!options_.prompt_file.empty()) {
    return {kExitUsage,
            absl::StrCat("--prompt-file needs a tokenizer, and ", info.path, " has none")};
  }
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
  if (failure.ok()) failure = MakeTokens(context);
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

Failure BenchRunner::Measure(const BenchTest& test, BenchResult* result) {
  int64_t first_token_ns = 0;
  for (int64_t i = 0; i < options_.repetitions; ++i) {
    progress_.Show(TestName(*result), static_cast<uint64_t>(i),
                   static_cast<uint64_t>(options_.repetitions));
    Failure failure = Rewind();
    if (failure.ok()) failure = Prefill(0, test.depth);
    if (!failure.ok()) return failure;
    const int64_t start = NowNs();
    failure = Prefill(test.depth, test.prompt);
    if (failure.ok()) failure = Decode(test.depth + test.prompt, test.generation);
    result->samples_ns.push_back(NowNs() - start);
    if (!failure.ok()) return failure;
    if (test.prompt > 0 && test.generation == 0) {
      int32_t token = 0;
      kl_error error = NoError();
      const kl_code code = kl_session_sample(session_.get(), &token, &error);
      if (code != KL_OK) return FailureOf(code, error);
      first_token_ns += NowNs() - start;
    }
  }
  result->time_to_first_token_ns = first_token_ns / options_.repetitions;
  result->peak_rss_bytes = Describe(session_.get()).peak_resident_bytes;
  return Success();
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
